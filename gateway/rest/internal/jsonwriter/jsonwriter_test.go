package jsonwriter_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/df0f9dda/okr-manager/gateway/rest/internal/jsonwriter"
	_ "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

var asProtojson = protojson.MarshalOptions{EmitDefaultValues: true}

// compare holds what is written against what protojson writes: the same names in the same order with the same values.
func compare(t testing.TB, m proto.Message) {
	t.Helper()
	got, err := jsonwriter.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	want, err := asProtojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := tokens(t, got), tokens(t, want); !reflect.DeepEqual(a, b) {
		t.Fatalf("%s is written as\n%s\nand by protojson as\n%s", m.ProtoReflect().Descriptor().FullName(), got, want)
	}
}

func tokens(t testing.TB, text []byte) (all []json.Token) {
	t.Helper()
	var read json.RawMessage
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return all
		}
		all = append(all, token)
	}
}

func TestEveryMessageOfTheContractIsWrittenAsProtojsonDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	types := kittest.MessageTypes("okr.v1", "authz.v1")
	if len(types) < 100 {
		t.Fatalf("there are only %d types of messages", len(types))
	}
	for _, kind := range types {
		compare(t, kind.Zero().Interface())
		for range 20 {
			m := kind.New()
			kittest.Fill(random, m, 4)
			compare(t, m.Interface())
		}
	}
}

func TestValuesThatAreWrittenInAWayOfTheirOwn(t *testing.T) {
	for name, m := range map[string]proto.Message{
		"a time with no digits of a second":     &okrv1.Objective{CreateTime: &timestamppb.Timestamp{Seconds: 1_790_000_000}},
		"a time with three":                     &okrv1.Objective{CreateTime: &timestamppb.Timestamp{Seconds: 1_790_000_000, Nanos: 120_000_000}},
		"a time with six":                       &okrv1.Objective{CreateTime: &timestamppb.Timestamp{Seconds: 1_790_000_000, Nanos: 100_000}},
		"a time with nine":                      &okrv1.Objective{CreateTime: &timestamppb.Timestamp{Seconds: -1, Nanos: 999_999_999}},
		"the first and the last time":           &okrv1.Objective{CreateTime: &timestamppb.Timestamp{Seconds: -62_135_596_800}, UpdateTime: &timestamppb.Timestamp{Seconds: 253_402_300_799}},
		"an enum value that is new":             &okrv1.Objective{State: 77},
		"an empty message":                      &emptypb.Empty{},
		"a duration":                            durationpb.New(1_500_000_000),
		"a message with a map":                  &errdetails.ErrorInfo{Reason: "LATE", Metadata: map[string]string{"b": "2", "a": "1"}},
		"text with quotes, markup and controls": &okrv1.Objective{Title: "a \"b\" \\ <c> \n\x01\u2028 größer 🎯"},
		"wrapped bytes":                         wrapperspb.Bytes([]byte{0, 0xff}),
	} {
		t.Run(name, func(t *testing.T) { compare(t, m) })
	}
}

func TestAMessageWithNumbersThatTheContractDoesNotHaveIsLeftToProtojson(t *testing.T) {
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("later.proto"), Package: proto.String("later"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("Measured"), Field: []*descriptorpb.FieldDescriptorProto{
			{Name: proto.String("share"), Number: proto.Int32(1), Type: descriptorpb.FieldDescriptorProto_TYPE_DOUBLE.Enum()},
			{Name: proto.String("count"), Number: proto.Int32(2), Type: descriptorpb.FieldDescriptorProto_TYPE_UINT64.Enum()},
		}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(file.Messages().Get(0))
	m.Set(m.Descriptor().Fields().Get(0), protoreflect.ValueOfFloat64(1e-7))
	m.Set(m.Descriptor().Fields().Get(1), protoreflect.ValueOfUint64(1<<63))
	compare(t, m)
}

func TestATimeThatHasNoJSONIsAnError(t *testing.T) {
	if out, err := jsonwriter.Append(nil, &okrv1.Objective{CreateTime: &timestamppb.Timestamp{Nanos: -1}}); err == nil {
		t.Fatalf("it is written as %s", out)
	}
}

func TestTextThatIsNotUTF8IsWrittenAsFarAsItIs(t *testing.T) {
	out, err := jsonwriter.Append(nil, &okrv1.GetObjectiveRequest{ObjectiveId: "a\xffb"})
	if want := `{"objectiveId":"a\ufffdb"}`; err != nil || string(out) != want {
		t.Fatalf("it is written as %s (%v), want %s", out, err, want)
	}
}

// BenchmarkPage writes a page of objectives in both ways.
func BenchmarkPage(b *testing.B) {
	random := rand.New(rand.NewPCG(5, 6))
	page := &okrv1.ListObjectivesResponse{}
	for range 50 {
		o := &okrv1.Objective{}
		kittest.Fill(random, o.ProtoReflect(), 3)
		page.Objectives = append(page.Objectives, o)
	}
	b.Run("here", func(b *testing.B) {
		for b.Loop() {
			if _, err := jsonwriter.Append(nil, page); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("protojson", func(b *testing.B) {
		for b.Loop() {
			if _, err := asProtojson.Marshal(page); err != nil {
				b.Fatal(err)
			}
		}
	})
}
