// Package protocodec writes and reads the messages of calls between the services of the system, and writes those that are
// stored, with the code that protoc-gen-go-vtproto generated for the contract's large messages, which takes a fraction of
// what reflection does. The bytes are the same. Messages without such code go the usual way.
package protocodec

import (
	"bytes"
	"fmt"
	"slices"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	protobuf "google.golang.org/protobuf/proto"
)

// Append appends the message to what is there, as [protobuf.MarshalOptions.MarshalAppend] does, and like that refuses text
// that is not UTF-8.
func Append(to []byte, message protobuf.Message) ([]byte, error) {
	m, ok := message.(sized)
	if !ok {
		return protobuf.MarshalOptions{}.MarshalAppend(to, message)
	}
	begin, size := len(to), m.SizeVT()
	to = slices.Grow(to, size)[:begin+size]
	if _, err := m.MarshalToSizedBufferVT(to[begin:]); err != nil {
		return nil, err
	}
	if descriptor := message.ProtoReflect().Descriptor(); !textOf(descriptor).isUTF8(to[begin:]) {
		return nil, fmt.Errorf("%s contains text that is not UTF-8", descriptor.FullName())
	}
	return to, nil
}

// Read reads what [Append] appended into an empty message, as [protobuf.Unmarshal] does, and like that refuses text that is
// not UTF-8. All text and bytes of the message are parts of one copy of what is read, which is kept while any of them is.
func Read(from []byte, message protobuf.Message) error {
	m, ok := message.(reader)
	if !ok {
		return protobuf.Unmarshal(from, message)
	}
	if descriptor := message.ProtoReflect().Descriptor(); !textOf(descriptor).isUTF8(from) {
		return fmt.Errorf("what is to be read as %s is none, or contains text that is not UTF-8", descriptor.FullName())
	}
	return m.UnmarshalVTUnsafe(bytes.Clone(from))
}

// Server is the codec of a service: it reads requests as gRPC does, which refuses text that is not UTF-8, and is quick at
// writing answers.
func Server() encoding.CodecV2 { return server{standard()} }

// Client is the codec of a connection to a service of the system, which is trusted to have checked what it answers: text
// is not held to be UTF-8 again. It writes requests as gRPC does.
//
// All text and bytes of an answer are parts of one piece of memory, which is kept while any of them is. Bytes are not to
// be changed or appended to in place.
func Client() encoding.CodecV2 { return client{standard()} }

func standard() encoding.CodecV2 { return encoding.GetCodecV2(proto.Name) }

type server struct{ encoding.CodecV2 }

type client struct{ encoding.CodecV2 }

type sized interface {
	SizeVT() int
	MarshalToSizedBufferVT(to []byte) (int, error)
}

type reader interface {
	protobuf.Message
	UnmarshalVTUnsafe(from []byte) error
}

// Marshal implements encoding.CodecV2.
func (s server) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(sized)
	if !ok {
		return s.CodecV2.Marshal(v)
	}
	size := m.SizeVT()
	if mem.IsBelowBufferPoolingThreshold(size) {
		to := make([]byte, size)
		if _, err := m.MarshalToSizedBufferVT(to); err != nil {
			return nil, err
		}
		return mem.BufferSlice{mem.SliceBuffer(to)}, nil
	}
	pool := mem.DefaultBufferPool()
	to := pool.Get(size)
	if _, err := m.MarshalToSizedBufferVT((*to)[:size]); err != nil {
		pool.Put(to)
		return nil, err
	}
	return mem.BufferSlice{mem.NewBuffer(to, pool)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (c client) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(reader)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	protobuf.Reset(m)
	return m.UnmarshalVTUnsafe(data.Materialize()) // a copy: gRPC uses its buffers again
}
