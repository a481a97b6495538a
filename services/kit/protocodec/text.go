package protocodec

import (
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// text says where the encoding of a type of message has text.
type text struct {
	fields []field // by number; what is beyond is not looked at
}

// field is one that holds text, or messages in which there may be some.
type field struct {
	isText  bool
	message *text
}

// texts are by the full name of the type.
var texts = struct {
	sync.RWMutex
	known map[protoreflect.FullName]*text
}{known: make(map[protoreflect.FullName]*text)}

func textOf(message protoreflect.MessageDescriptor) *text {
	texts.RLock()
	t := texts.known[message.FullName()]
	texts.RUnlock()
	if t != nil {
		return t
	}
	texts.Lock()
	defer texts.Unlock()
	return learn(message)
}

// learn looks a type over, and the types within it, with the lock held.
func learn(message protoreflect.MessageDescriptor) *text {
	if t := texts.known[message.FullName()]; t != nil {
		return t
	}
	t := &text{}
	texts.known[message.FullName()] = t // before its fields, which may be of the same type
	for i := range message.Fields().Len() {
		f := message.Fields().Get(i)
		if grow := int(f.Number()) + 1 - len(t.fields); grow > 0 {
			t.fields = append(t.fields, make([]field, grow)...)
		}
		switch f.Kind() {
		case protoreflect.StringKind:
			t.fields[f.Number()] = field{isText: true}
		case protoreflect.MessageKind:
			t.fields[f.Number()] = field{message: learn(f.Message())}
		}
	}
	return t
}

// isUTF8 reports whether all text in an encoded message is UTF-8. What is no encoded message is none.
func (t *text) isUTF8(encoded []byte) bool {
	for len(encoded) > 0 {
		tag, n := varint(encoded)
		if n < 0 {
			return false
		}
		encoded = encoded[n:]
		number, kind := protowire.DecodeTag(tag)
		if kind != protowire.BytesType {
			if kind == protowire.VarintType {
				_, n = varint(encoded)
			} else {
				n = protowire.ConsumeFieldValue(number, kind, encoded)
			}
			if n < 0 {
				return false
			}
			encoded = encoded[n:]
			continue
		}
		size, n := varint(encoded)
		if n < 0 || size > uint64(len(encoded)-n) {
			return false
		}
		value := encoded[n:][:size]
		encoded = encoded[n+len(value):]
		if int(number) >= len(t.fields) {
			continue
		}
		switch f := &t.fields[number]; {
		case f.isText && !utf8.Valid(value), f.message != nil && !f.message.isUTF8(value):
			return false
		}
	}
	return true
}

// varint is protowire.ConsumeVarint, and quicker for the one byte that most are.
func varint(encoded []byte) (v uint64, n int) {
	if len(encoded) > 0 && encoded[0] < 1<<7 {
		return uint64(encoded[0]), 1
	}
	return protowire.ConsumeVarint(encoded)
}
