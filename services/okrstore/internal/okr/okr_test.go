package okr_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func keyResults(attainments ...int32) []*okrv1.KeyResult {
	var all []*okrv1.KeyResult
	for i, a := range attainments {
		all = append(all, &okrv1.KeyResult{Id: fmt.Sprintf("kr_%03d", i), Attainment: new(a)})
	}
	return all
}

func TestKeyResultsStayInTheOrderOfIDsWhateverTheOrderOfInsertion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &okrv1.Objective{Id: "okr_1"}
		model := map[string]string{}
		for i, id := range rapid.SliceOf(rapid.StringMatching("kr_[0-9]")).Draw(t, "ids") {
			before := proto.Clone(o)
			var next *okrv1.Objective
			if rapid.Bool().Draw(t, "remove") {
				next = okr.WithoutKeyResult(o, id)
				delete(model, id)
			} else {
				title := fmt.Sprint("title ", i)
				next = okr.WithKeyResult(o, &okrv1.KeyResult{Id: id, Title: title})
				model[id] = title
			}
			if !proto.Equal(before, o) {
				t.Fatalf("the argument was changed from %v to %v", before, o)
			}
			o = next
		}
		if len(o.GetKeyResults()) != len(model) {
			t.Fatalf("%d key results, want %d", len(o.GetKeyResults()), len(model))
		}
		if !slices.IsSortedFunc(o.GetKeyResults(), func(a, b *okrv1.KeyResult) int {
			return slices.Compare([]byte(a.GetId()), []byte(b.GetId()))
		}) {
			t.Fatalf("not sorted: %v", o)
		}
		for id, title := range model {
			if got := okr.FindKeyResult(o, id); got.GetTitle() != title {
				t.Fatalf("%s has the title %q, want %q", id, got.GetTitle(), title)
			}
		}
	})
}

func TestCopyKeepsFieldsOfNewerVersions(t *testing.T) {
	// Field 1000, a varint with the value 7, is none of this version.
	raw := append([]byte(nil), 0xc0, 0x3e, 0x07)
	var o okrv1.Objective
	if err := proto.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	if got := okr.Copy(&o).ProtoReflect().GetUnknown(); !slices.Equal(got, raw) {
		t.Errorf("unknown fields %x, want %x", got, raw)
	}
}

func TestCopyKeepsEveryFieldAndSharesWhatIsWithin(t *testing.T) {
	for _, m := range []proto.Message{
		&okrv1.Objective{}, &okrv1.KeyResult{}, &okrv1.Change{}, &okrv1.CheckIn{}, &okrv1.Snapshot{}, &okrv1.SetKeyResultAttainmentRequest{},
	} {
		filled := m.ProtoReflect()
		fields := filled.Descriptor().Fields()
		for i := range fields.Len() {
			field := fields.Get(i)
			switch value := filled.NewField(field); {
			case field.IsList():
				value.List().AppendMutable()
				filled.Set(field, value)
			case field.Message() != nil:
				filled.Set(field, value)
			case field.Kind() == protoreflect.StringKind:
				filled.Set(field, protoreflect.ValueOfString(string(field.Name())))
			case field.Kind() == protoreflect.Int32Kind:
				filled.Set(field, protoreflect.ValueOfInt32(int32(i+1)))
			case field.Kind() == protoreflect.EnumKind:
				filled.Set(field, protoreflect.ValueOfEnum(1))
			case field.Kind() == protoreflect.BoolKind:
				filled.Set(field, protoreflect.ValueOfBool(true))
			case field.Kind() == protoreflect.Int64Kind:
				filled.Set(field, protoreflect.ValueOfInt64(int64(i+1)))
			default:
				t.Fatalf("the test has no value for %s", field.FullName())
			}
		}
		before := proto.Clone(m)
		copied := okr.Copy(m)
		if !proto.Equal(copied, before) {
			t.Errorf("Copy = %v, want %v", copied, before)
		}
		copied.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			if field.Message() != nil && !field.IsList() && value.Message() != filled.Get(field).Message() {
				t.Errorf("%s was copied as well", field.FullName())
			}
			copied.ProtoReflect().Clear(field)
			return true
		})
		if !proto.Equal(m, before) {
			t.Errorf("a change of the copy changed the original to %v", m)
		}
	}
	if got := okr.Copy((*okrv1.Objective)(nil)); got == nil || !proto.Equal(got, &okrv1.Objective{}) {
		t.Errorf("the copy of nothing is %v, want an empty message", got)
	}
}
