package grpcserver

import (
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// Validate checks a message by the constraints of the contract. FIELD_INVALID names every field that breaks one; prefix
// is put before the paths, for a message that stands inside a request ("objective").
func Validate(validator protovalidate.Validator, m any, prefix string) error {
	message, ok := m.(proto.Message)
	if !ok {
		return fmt.Errorf("validating: %T is not a protobuf message", m)
	}
	err := validator.Validate(message)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) { // a rule that cannot be evaluated is a bug of the contract
		return fmt.Errorf("validating %s: %w", message.ProtoReflect().Descriptor().FullName(), err)
	}
	out := rpcerr.FieldInvalid()
	for _, v := range invalid.Violations {
		path := protovalidate.FieldPathString(v.Proto.GetField())
		switch {
		case prefix == "":
		case path == "":
			path = prefix
		default:
			path = prefix + "." + path
		}
		out = out.Field(path, v.Proto.GetMessage(), v.Proto.GetRuleId())
	}
	return out
}
