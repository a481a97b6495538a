package kittest

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// MessageTypes are the messages of packages of the contract, in the order of their names: what a test fills them with from
// one seed is then the same in each run.
func MessageTypes(packages ...protoreflect.FullName) (types []protoreflect.MessageType) {
	protoregistry.GlobalTypes.RangeMessages(func(m protoreflect.MessageType) bool {
		if slices.Contains(packages, m.Descriptor().ParentFile().Package()) {
			types = append(types, m)
		}
		return true
	})
	slices.SortFunc(types, func(a, b protoreflect.MessageType) int {
		return cmp.Compare(a.Descriptor().FullName(), b.Descriptor().FullName())
	})
	return types
}

// Fill gives each field of a message a value or none, down to a depth, and the message now and then a field that the
// contract does not know. Times and field masks are valid ones.
func Fill(random *rand.Rand, m protoreflect.Message, depth int) {
	switch known := m.Interface().(type) {
	case *timestamppb.Timestamp: // of the years 1 to 9999
		known.Seconds, known.Nanos = random.Int64N(315_537_897_600)-62_135_596_800, int32(random.IntN(1e9))
		return
	case *fieldmaskpb.FieldMask:
		known.Paths = []string{"title", "start_date"}[:random.IntN(3)]
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case random.IntN(3) == 0, f.Message() != nil && depth == 0:
		case f.IsMap():
			panic("a map: fill it")
		case f.IsList():
			list := m.Mutable(f).List()
			for range random.IntN(4) {
				list.Append(value(random, f, list.NewElement, depth))
			}
		default:
			m.Set(f, value(random, f, func() protoreflect.Value { return m.NewField(f) }, depth))
		}
	}
	if random.IntN(8) == 0 && m.Descriptor().FullName().Parent() != "google.protobuf" { // whose messages never grow
		m.SetUnknown(protoreflect.RawFields("\x98\xf4\x03\x05")) // field 8003, as of a newer contract
	}
}

func value(random *rand.Rand, f protoreflect.FieldDescriptor, fresh func() protoreflect.Value, depth int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(strings.Repeat("größer ", random.IntN(random.IntN(40)+1)))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(bytes.Repeat([]byte{0xff, 0}, random.IntN(random.IntN(2_000)+1)))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(random.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(random.IntN(6)))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(random.NormFloat64())
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(random.Int32() - 1<<30)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(random.Int64() - 1<<62)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(random.Uint32())
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(random.Uint64())
	case protoreflect.MessageKind:
		v := fresh()
		Fill(random, v.Message(), depth-1)
		return v
	default:
		panic("a " + f.Kind().String() + ": give it a value")
	}
}
