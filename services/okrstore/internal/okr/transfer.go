package okr

import (
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// The fields that travel in a file. All others are derived, or given by the server that holds the resource.
var (
	objectiveFields = []protoreflect.Name{
		"id", "title", "description", "owner_id", "cycle", "start_date", "due_date", "parent_id", "state", "score",
		"closing_note", "close_time", "archive_time", "create_time",
	}
	keyResultFields = []protoreflect.Name{
		"id", "title", "owner_id", "kind", "start_value", "target_value", "current_value", "unit", "format", "weight", "create_time",
	}
	checkInFields = []protoreflect.Name{
		"id", "previous_value", "value", "confidence", "note", "evidence", "create_time",
	}
)

// TransferObjective returns what a file has of an objective, which names its creator for people to read.
func TransferObjective(o *okrv1.Objective) *okrv1.Objective {
	return pick(o, append(slices.Clone(objectiveFields), "creator"))
}

// TransferKeyResult is [TransferObjective] for a key result.
func TransferKeyResult(k *okrv1.KeyResult) *okrv1.KeyResult {
	return pick(k, append(slices.Clone(keyResultFields), "creator"))
}

// TransferCheckIn is [TransferObjective] for a check-in, with its author.
func TransferCheckIn(c *okrv1.CheckIn) *okrv1.CheckIn {
	return pick(c, append(slices.Clone(checkInFields), "author"))
}

// pick returns a fresh message with some of the fields of another.
func pick[M proto.Message](m M, names []protoreflect.Name) M {
	from := m.ProtoReflect()
	to := from.New()
	for _, name := range names {
		if field := from.Descriptor().Fields().ByName(name); from.Has(field) {
			to.Set(field, from.Get(field))
		}
	}
	return to.Interface().(M)
}

var idForm = regexp.MustCompile(`^[a-z]+_[0-9A-HJKMNP-TV-Z]{13}$`)

// CheckID returns a [*FieldError] when a text is no id with this prefix.
func CheckID(id, prefix string) error {
	if strings.HasPrefix(id, prefix) && strings.Count(id, "_") == 1 && idForm.MatchString(id) {
		return nil
	}
	return &FieldError{
		Field: "id", Description: `must be "` + prefix + `" and 13 characters of Crockford's base 32`, Rule: "id.form",
	}
}

// RestoredObjective returns a fresh objective that is to be what a file says, with what the server chooses where the file
// says nothing. It returns a [*FieldError] when the fields do not go together. Who made it is for the caller to add.
func RestoredObjective(given *okrv1.Objective, now *timestamppb.Timestamp) (*okrv1.Objective, error) {
	o := pick(given, objectiveFields)
	if err := CheckID(o.GetId(), ObjectivePrefix); err != nil {
		return nil, err
	}
	if err := CheckDates(o); err != nil {
		return nil, err
	}
	if o.GetState() == okrv1.ObjectiveState_OBJECTIVE_STATE_UNSPECIFIED {
		o.State = okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE
	}
	wasClosed := o.GetState() == okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED ||
		o.GetState() == okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED && (o.GetScore() != "" || o.GetCloseTime() != nil)
	if !wasClosed && (o.GetScore() != "" || o.GetClosingNote() != "" || o.GetCloseTime() != nil) {
		return nil, &FieldError{Field: "score", Description: "must be empty unless the objective was closed", Rule: "state.score"}
	}
	if wasClosed && o.GetScore() == "" {
		return nil, &FieldError{Field: "score", Description: "must be there where the objective was closed", Rule: "state.score"}
	}
	if wasClosed && o.GetCloseTime() == nil {
		o.CloseTime = now
	}
	archived := o.GetState() == okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED
	if archived && o.GetArchiveTime() == nil {
		o.ArchiveTime = now
	}
	if !archived && o.GetArchiveTime() != nil {
		return nil, &FieldError{Field: "archive_time", Description: "must be empty unless the objective is archived", Rule: "state.archive_time"}
	}
	if o.GetCreateTime() == nil {
		o.CreateTime = now
	}
	return o, checkTimes(now, o.GetCreateTime(), o.GetCloseTime(), o.GetArchiveTime())
}

// RestoredKeyResult is [RestoredObjective] for a key result that has come to a value; an empty one is its start.
func RestoredKeyResult(given *okrv1.KeyResult, value string, now *timestamppb.Timestamp) (*okrv1.KeyResult, error) {
	if err := CheckID(given.GetId(), KeyResultPrefix); err != nil {
		return nil, err
	}
	k, err := NewKeyResult(pick(given, keyResultFields))
	if err != nil {
		return nil, err
	}
	if value != "" {
		if err := cleanValue(&value, "current_value"); err != nil {
			return nil, err
		}
		milestone := k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE
		if milestone && !sameValue(value, valueNone) && !sameValue(value, valueAll) {
			return nil, &FieldError{Field: "current_value", Description: `must be "0" or "100" for a milestone`, Rule: "milestone.value"}
		}
		k.CurrentValue = value
		k.Attainment = new(attainmentOf(k))
	}
	if k.GetCreateTime() == nil {
		k.CreateTime = now
	}
	return k, checkTimes(now, k.GetCreateTime())
}

// RestoredCheckIn returns what becomes of a key result by a check-in that a file has, and the check-in as [CheckIn] does,
// with its id and its time.
func RestoredCheckIn(
	current *okrv1.KeyResult, given *okrv1.CheckIn, now *timestamppb.Timestamp,
) (*okrv1.KeyResult, *okrv1.CheckIn, error) {
	if err := CheckID(given.GetId(), CheckInPrefix); err != nil {
		return nil, nil, err
	}
	k, c, err := CheckIn(current, pick(given, checkInFields))
	if err != nil {
		return nil, nil, err
	}
	if c.GetCreateTime() == nil {
		c.CreateTime = now
	}
	if err := checkTimes(now, c.GetCreateTime()); err != nil {
		return nil, nil, err
	}
	if last := current.GetLastCheckInTime(); last != nil && c.GetCreateTime().AsTime().Before(last.AsTime()) {
		return nil, nil, &FieldError{
			Field: "create_time", Description: "must not be before the key result's last check-in, " + last.AsTime().Format("2006-01-02T15:04:05.999Z07:00"),
			Rule: "check_in.order",
		}
	}
	k.LastCheckInTime = c.GetCreateTime()
	return k, c, nil
}

// CleanCheckIn returns a check-in of a file in the form in which one that is there is kept.
func CleanCheckIn(there, given *okrv1.CheckIn) *okrv1.CheckIn {
	c := Copy(given)
	if form, ok := canonical(c.GetValue()); ok {
		c.Value = form
	}
	if c.GetValue() == "" || sameValue(c.GetValue(), there.GetValue()) {
		c.Value = there.GetValue()
	}
	return c
}

// checkTimes refuses times that are none, and those that have not come yet.
func checkTimes(now *timestamppb.Timestamp, times ...*timestamppb.Timestamp) error {
	for _, t := range times {
		if t != nil && (!t.IsValid() || t.AsTime().After(now.AsTime())) {
			return &FieldError{Field: "create_time", Description: "must not hold a time that has not come yet", Rule: "time.past"}
		}
	}
	return nil
}

// Differs names the first field of those that travel in a file in which a resource that is there differs from one that a
// file gives; empty if there is none. What the file does not say is no difference where the server would have chosen it.
// restored is the same as given with what the server chooses.
func Differs(there, given, restored proto.Message) string {
	var names []protoreflect.Name
	switch there.(type) {
	case *okrv1.Objective:
		names = objectiveFields
	case *okrv1.KeyResult:
		names = keyResultFields
	case *okrv1.CheckIn:
		names = checkInFields
	}
	fields := there.ProtoReflect().Descriptor().Fields()
	for _, name := range names {
		field := fields.ByName(name)
		_, isTime := there.ProtoReflect().Get(field).Interface().(protoreflect.Message)
		if isTime && !given.ProtoReflect().Has(field) || name == "current_value" || name == "previous_value" {
			continue // the server's clock chose it; values follow from check-ins
		}
		a, b := there.ProtoReflect().Get(field), restored.ProtoReflect().Get(field)
		if field.Kind() == protoreflect.StringKind && !field.IsList() {
			if lineFeeds(a.String()) == lineFeeds(b.String()) {
				continue
			}
			return string(name)
		}
		if !a.Equal(b) {
			return string(name)
		}
	}
	return ""
}

// lineFeeds makes line ends the same, which CSV does not keep apart.
func lineFeeds(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }
