package protocodec_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/protocodec"
)

func TestWhatIsAppendedIsReadAsItWas(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, kind := range generated(t) {
		for range 20 {
			message := kind.New()
			kittest.Fill(random, message, 4)
			appended, err := protocodec.Append([]byte("before"), message.Interface())
			if err != nil {
				t.Fatal(err)
			}
			encoded, ok := bytes.CutPrefix(appended, []byte("before"))
			if size := proto.Size(message.Interface()); !ok || len(encoded) != size {
				t.Fatalf("%s takes %d bytes of %d behind %q", kind.Descriptor().FullName(), len(encoded), size, appended[:6])
			}
			for name, read := range map[string]func([]byte, proto.Message) error{"proto.Unmarshal": proto.Unmarshal, "Read": protocodec.Read} {
				got := kind.New().Interface()
				from := bytes.Clone(encoded)
				if err := read(from, got); err != nil || !proto.Equal(message.Interface(), got) {
					t.Fatalf("%s: %v became %v (%v)", name, message, got, err)
				}
				clear(from) // it may be the memory of somebody who uses it again
				if !proto.Equal(message.Interface(), got) {
					t.Fatalf("%s keeps what it read from", name)
				}
			}
		}
	}
	now, got := timestamppb.Now(), new(timestamppb.Timestamp)
	encoded, err := protocodec.Append(nil, now)
	if err := errors.Join(err, protocodec.Read(encoded, got)); err != nil || !proto.Equal(now, got) {
		t.Errorf("a message without generated code, %v, is appended as %x and read as %v (%v)", now, encoded, got, err)
	}
}

// Whatever text of a message is not UTF-8, and however deep it is.
func TestTextThatIsNotUTF8IsNeitherAppendedNorRead(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	spoiled := 0
	for _, kind := range generated(t) {
		message := kind.New()
		kittest.Fill(random, message, 4)
		for i := range texts(message) {
			message := proto.Clone(message.Interface()).ProtoReflect()
			texts(message)[i]("\xff\xfe")
			if _, err := proto.Marshal(message.Interface()); err == nil {
				t.Fatalf("%v should be refused", message)
			}
			if _, err := protocodec.Append(nil, message.Interface()); err == nil {
				t.Fatalf("%v is appended", message)
			}
			stored, err := message.Interface().(interface{ MarshalVT() ([]byte, error) }).MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			if err := protocodec.Read(stored, kind.New().Interface()); err == nil {
				t.Fatalf("%v is read", message)
			}
			spoiled++
		}
	}
	if spoiled < 300 {
		t.Errorf("only %d texts were tried", spoiled)
	}
}

// texts are setters of all text in a message.
func texts(message protoreflect.Message) (all []func(string)) {
	message.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		isText, isMessage := f.Kind() == protoreflect.StringKind, f.Kind() == protoreflect.MessageKind
		switch {
		case f.IsMap():
			v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
				if f.MapValue().Kind() == protoreflect.StringKind {
					all = append(all, func(text string) { v.Map().Set(key, protoreflect.ValueOfString(text)) })
				}
				return true
			})
		case f.IsList() && isText:
			for i := range v.List().Len() {
				all = append(all, func(text string) { v.List().Set(i, protoreflect.ValueOfString(text)) })
			}
		case f.IsList() && isMessage:
			for i := range v.List().Len() {
				all = append(all, texts(v.List().Get(i).Message())...)
			}
		case isText:
			all = append(all, func(text string) { message.Set(f, protoreflect.ValueOfString(text)) })
		case isMessage:
			all = append(all, texts(v.Message())...)
		}
		return true
	})
	return all
}
