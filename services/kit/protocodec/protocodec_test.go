package protocodec_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/protocodec"
)

// generated are the messages that have code of their own.
func generated(t testing.TB) []protoreflect.MessageType {
	t.Helper()
	types := slices.DeleteFunc(kittest.MessageTypes("okr.v1"), func(m protoreflect.MessageType) bool {
		_, ok := m.Zero().Interface().(interface{ SizeVT() int })
		return !ok
	})
	if len(types) < 50 {
		t.Fatalf("only %d messages have generated code", len(types))
	}
	return types
}

func TestEveryMessageIsReadAsItWasWrittenByEitherCodec(t *testing.T) {
	standard, server, client := encoding.GetCodecV2("proto"), protocodec.Server(), protocodec.Client()
	random := rand.New(rand.NewPCG(1, 2))
	for _, kind := range generated(t) {
		for range 20 {
			sent := kind.New()
			kittest.Fill(random, sent, 4)
			for _, pair := range []struct{ from, to encoding.CodecV2 }{{server, client}, {server, standard}, {standard, client}, {client, server}} {
				data, err := pair.from.Marshal(sent.Interface())
				if err != nil {
					t.Fatal(err)
				}
				if size := proto.Size(sent.Interface()); data.Len() != size {
					t.Fatalf("%s takes %d bytes of %d", kind.Descriptor().FullName(), data.Len(), size)
				}
				got := kind.New().Interface()
				if err := pair.to.Unmarshal(data, got); err != nil {
					t.Fatal(err)
				}
				if data.Free(); !proto.Equal(sent.Interface(), got) {
					t.Fatalf("%T of %T and %T: %v became %v", got, pair.from, pair.to, sent, got)
				}
			}
		}
	}
}

func TestAServiceRefusesTextThatIsNotUTF8(t *testing.T) {
	raw := mem.BufferSlice{mem.SliceBuffer("\x0a\x02\xff\xfe")} // of its first field
	if err := protocodec.Server().Unmarshal(raw, &okrv1.GetObjectiveRequest{}); err == nil {
		t.Fatal("it is taken")
	}
	if _, err := protocodec.Client().Marshal(&okrv1.GetObjectiveRequest{ObjectiveId: "\xff\xfe"}); err == nil {
		t.Fatal("it is sent")
	}
}

func TestMessagesWithoutGeneratedCodeGoThroughToo(t *testing.T) {
	sent := timestamppb.Now()
	data, err := protocodec.Server().Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	got := &timestamppb.Timestamp{}
	if err := protocodec.Client().Unmarshal(data, got); err != nil || !proto.Equal(sent, got) {
		t.Fatalf("%v became %v (%v)", sent, got, err)
	}
	if _, err := protocodec.Server().Marshal("no message"); err == nil {
		t.Fatal("what is no message is written")
	}
	if err := protocodec.Client().Unmarshal(nil, "no message"); err == nil {
		t.Fatal("what is no message is read")
	}
}

func TestAnAnswerOutlivesTheBuffersThatItCameIn(t *testing.T) {
	want := &okrv1.Objective{Id: "o1", Title: "Grow in Europe"}
	for _, pieces := range []int{1, 2} {
		whole, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var data mem.BufferSlice
		for piece := range slices.Chunk(whole, (len(whole)+pieces-1)/pieces) {
			data = append(data, mem.SliceBuffer(piece))
		}
		got := &okrv1.Objective{Description: "what was there before"}
		if err := protocodec.Client().Unmarshal(data, got); err != nil {
			t.Fatal(err)
		}
		if clear(whole); !proto.Equal(want, got) {
			t.Fatalf("in %d pieces it became %v", pieces, got)
		}
	}
}

// FuzzClient holds the client's codec against gRPC's own: what both take means the same to them, and nothing makes it fail
// otherwise than with an error. One thing gRPC's takes alone: a known field of a type that is not the contract's is unknown
// to it.
func FuzzClient(f *testing.F) {
	types := generated(f)
	random := rand.New(rand.NewPCG(3, 4))
	for i, kind := range types {
		m := kind.New()
		kittest.Fill(random, m, 3)
		raw, err := proto.Marshal(m.Interface())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), raw)
	}
	f.Fuzz(func(t *testing.T, i uint8, raw []byte) {
		kind := types[int(i)%len(types)]
		want, got := kind.New().Interface(), kind.New().Interface()
		data := mem.BufferSlice{mem.SliceBuffer(raw)}
		if protocodec.Client().Unmarshal(data, got) != nil || encoding.GetCodecV2("proto").Unmarshal(data, want) != nil {
			return
		}
		if !proto.Equal(want, got) {
			t.Fatalf("%v became %v", want, got)
		}
	})
}
