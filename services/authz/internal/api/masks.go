package api

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// selection are the paths of the fields that an update wants to change, such as "display_name" or "oidc.issuer".
type selection []string

func (s selection) has(path string) bool { return slices.Contains(s, path) }

// selected reads a field mask as AIP-134 and AIP-203 say. Absent or without paths it selects every field that update has;
// "*" selects every field. A message selects its own fields. Output-only fields and the etag, which is a condition and not
// a value, are passed over. A mask that then selects nothing is refused, because a caller who wants to set such a field
// would otherwise take the answer for success. FIELD_INVALID.
func selected(update proto.Message, mask *fieldmaskpb.FieldMask) (selection, error) {
	m := update.ProtoReflect()
	paths := mask.GetPaths()
	var chosen selection
	switch {
	case len(paths) == 0:
		chosen = leaves(m, "", true)
	case slices.Contains(paths, "*"):
		if len(paths) > 1 {
			return nil, maskInvalid(`must not have other paths beside "*"`, "wildcard")
		}
		chosen = leaves(m, "", false)
	default:
		for _, path := range paths {
			below, err := named(m, path)
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, below...)
		}
	}
	slices.Sort(chosen)
	if chosen = slices.Compact(chosen); len(chosen) == 0 {
		return nil, maskInvalid("it selects no field that can be changed; those are: "+strings.Join(leaves(m, "", false), ", "), "empty")
	}
	return chosen, nil
}

// leaves lists the changeable fields of a message that are no messages themselves, each behind prefix.
func leaves(m protoreflect.Message, prefix string, onlySet bool) selection {
	var out selection
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		path := prefix + string(field.Name())
		switch {
		case !changeable(field) || onlySet && !m.Has(field):
		case isMessage(field):
			out = append(out, leaves(m.Get(field).Message(), path+".", onlySet)...)
		default:
			out = append(out, path)
		}
	}
	return out
}

// named lists what one path of a mask selects.
func named(m protoreflect.Message, path string) (selection, error) {
	prefix := ""
	for rest := path; ; {
		name, below, nested := strings.Cut(rest, ".")
		field := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		switch {
		case field == nil || nested && !isMessage(field):
			return nil, maskInvalid(fmt.Sprintf("there is no field %q", path), "unknown")
		case !changeable(field):
			return nil, nil
		case !isMessage(field):
			return selection{prefix + name}, nil
		case !nested:
			return leaves(m.Get(field).Message(), prefix+name+".", false), nil
		}
		prefix += name + "."
		m, rest = m.Get(field).Message(), below
	}
}

func isMessage(field protoreflect.FieldDescriptor) bool {
	return field.Message() != nil && !field.IsList() && !field.IsMap()
}

// changeable says whether an update may give the field a value.
func changeable(field protoreflect.FieldDescriptor) bool {
	if field.Name() == "etag" {
		return false
	}
	behavior, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return !slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY)
}

func maskInvalid(description, rule string) error {
	return rpcerr.FieldInvalid().Field("update_mask", description, "update_mask."+rule)
}

// validated checks the selected fields of a message, which stands in the field name of its request, by the constraints of
// the contract. What is not selected comes from Stytch and is not for the caller to mend. FIELD_INVALID.
func validated(m proto.Message, name string, fields selection) error {
	wanted := map[protoreflect.FullName]bool{}
	for _, path := range fields {
		at := m.ProtoReflect().Descriptor()
		for part := range strings.SplitSeq(path, ".") {
			field := at.Fields().ByName(protoreflect.Name(part))
			wanted[field.FullName()] = true
			at = field.Message()
		}
	}
	filter := protovalidate.FilterFunc(func(_ protoreflect.Message, d protoreflect.Descriptor) bool {
		_, isField := d.(protoreflect.FieldDescriptor)
		return !isField || wanted[d.FullName()]
	})
	return grpcserver.Validate(filtered{protovalidate.GlobalValidator, filter}, m, name)
}

// filtered is a validator that looks at some fields only.
type filtered struct {
	protovalidate.Validator
	filter protovalidate.Filter
}

// Validate implements protovalidate.Validator.
func (f filtered) Validate(m proto.Message, options ...protovalidate.ValidationOption) error {
	return f.Validator.Validate(m, append(options, protovalidate.WithFilter(f.filter))...)
}

// etagBytes is how much of a digest an etag has: enough that no two states of a resource ever share one.
const etagBytes = 16

// etagOf names the state of a resource, which must not have an etag yet.
func etagOf(m proto.Message) (string, error) {
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("computing an etag: %w", err)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:etagBytes]), nil
}

// checkETag refuses an update that was made from another state than the current one. ETAG_MISMATCH.
func checkETag(given, current string) error {
	if given == "" || given == current {
		return nil
	}
	return rpcerr.New(codes.Aborted, accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH,
		"it has changed since the etag was given out").With("etag", current)
}
