package okr

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// wildcard is the mask that replaces the whole resource (AIP-134).
const wildcard = "*"

// Merge returns a copy of current that has, in the fields that mask selects, the values of update. Whether the result
// is valid as a whole is for the caller to check.
//
// The mask is read as AIP-134 and AIP-203 say. Absent or without paths it selects every field that update has; "*"
// selects every field, and those that update does not have become empty. Output-only fields and the etag, which is a
// condition and not a value, are passed over. A mask that then selects nothing is refused, because a caller who wants
// to set such a field would otherwise take the answer for success. A path that the message does not have is refused,
// and so is a wildcard beside other paths. The error is a [*FieldError] of the field "update_mask".
func Merge[M proto.Message](current, update M, mask *fieldmaskpb.FieldMask) (M, error) {
	var none M
	selected, err := selection(update.ProtoReflect(), mask.GetPaths())
	if err != nil {
		return none, err
	}
	merged := Copy(current)
	from, to := update.ProtoReflect(), merged.ProtoReflect()
	for _, field := range selected {
		to.Clear(field) // to set an optional field that is there would write to what the copy shares with current
		if from.Has(field) {
			to.Set(field, from.Get(field))
		}
	}
	return merged, nil
}

// selection lists the fields that an update may and wants to change.
func selection(update protoreflect.Message, paths []string) ([]protoreflect.FieldDescriptor, error) {
	fields := update.Descriptor().Fields()
	var selected []protoreflect.FieldDescriptor
	var ignored []string
	add := func(field protoreflect.FieldDescriptor) {
		switch {
		case !changeable(field):
			ignored = append(ignored, string(field.Name()))
		case !slices.Contains(selected, field):
			selected = append(selected, field)
		}
	}
	switch {
	case slices.Contains(paths, wildcard):
		if len(paths) > 1 {
			return nil, maskError("wildcard", `must not have other paths beside "*"`)
		}
		for i := range fields.Len() {
			add(fields.Get(i))
		}
	case len(paths) > 0:
		for _, path := range paths {
			name, below, nested := strings.Cut(path, ".")
			field := fields.ByName(protoreflect.Name(name))
			if field == nil || nested && !hasPath(field, below) {
				return nil, maskError("unknown", fmt.Sprintf("there is no field %q in %s", path, update.Descriptor().Name()))
			}
			if nested && changeable(field) {
				return nil, maskError("nested", fmt.Sprintf("%q can only be changed as a whole", name))
			}
			add(field)
		}
	default:
		for i := range fields.Len() {
			if update.Has(fields.Get(i)) {
				add(fields.Get(i))
			}
		}
	}
	if len(selected) == 0 {
		return nil, maskError("empty", nothingSelected(fields, ignored))
	}
	return selected, nil
}

// hasPath reports whether a path leads to a field of the messages in a field. It does not look into lists and maps
// (AIP-161).
func hasPath(field protoreflect.FieldDescriptor, path string) bool {
	for path != "" {
		if field.Message() == nil || field.IsList() || field.IsMap() {
			return false
		}
		var name string
		name, path, _ = strings.Cut(path, ".")
		if field = field.Message().Fields().ByName(protoreflect.Name(name)); field == nil {
			return false
		}
	}
	return true
}

// changeable reports whether an update may give the field a value.
func changeable(field protoreflect.FieldDescriptor) bool {
	if field.Name() == "etag" {
		return false
	}
	behavior, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return !slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY)
}

// nothingSelected says why no field is left, and what to do instead.
func nothingSelected(fields protoreflect.FieldDescriptors, ignored []string) string {
	var can, reasons []string
	for i := range fields.Len() {
		if changeable(fields.Get(i)) {
			can = append(can, string(fields.Get(i).Name()))
		}
	}
	for _, name := range ignored {
		switch name {
		case "id", "objective_id", "etag": // they name the resource and its state; nobody wants to set them
		case "attainment":
			reasons = append(reasons, `"attainment" is output only here: use SetKeyResultAttainment or CreateCheckIn`)
		case "current_value", "confidence":
			reasons = append(reasons, fmt.Sprintf("%q is output only here: use CreateCheckIn", name))
		case "state", "score", "closing_note":
			reasons = append(reasons, fmt.Sprintf(
				"%q is output only here: use CloseObjective, ReopenObjective, ArchiveObjective or RestoreObjective", name))
		case "key_results":
			reasons = append(reasons, `"key_results" is output only here: use the methods of key results`)
		default:
			reasons = append(reasons, fmt.Sprintf("%q is output only", name))
		}
	}
	reasons = append(reasons, "it selects no field that can be changed; those are: "+strings.Join(can, ", "))
	return strings.Join(slices.Compact(reasons), "; ")
}

func maskError(rule, description string) *FieldError {
	return &FieldError{Field: "update_mask", Description: description, Rule: "update_mask." + rule}
}
