package tools

import (
	"context"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// guard is what every write of something that exists can take beside its own arguments. It is embedded in the arguments of
// tools.
type guard struct {
	Etag      string `json:"etag"`
	RequestID string `json:"requestId"`
	intent
}

// intent is what every write can take: whether it is to be proposed or tried instead of made.
type intent struct {
	Mode string `json:"mode"`
}

// GetMode is the mode as the contract has it.
func (i intent) GetMode() accessv1.WriteMode { return read[accessv1.WriteMode](i.Mode) }

// plan is the arguments about an objective's own fields. Absent is another thing than empty, which takes a value away.
type plan struct {
	Description *string `json:"description"`
	Owner       *string `json:"owner"`
	Cycle       *string `json:"cycle"`
	StartDate   *string `json:"startDate"`
	DueDate     *string `json:"dueDate"`
	Parent      *string `json:"parent"`
}

const planSchema = `"description":{"type":"string","description":"Why it matters.","maxLength":10000},` + ownerSchema +
	`,"cycle":{"type":"string","description":"Such as 2026-Q3, 2026-H1 or 2026.","maxLength":7}` +
	`,"startDate":{"type":"string","description":"If not the cycle's first day; such as 2026-07-01.","maxLength":10}` +
	`,"dueDate":{"type":"string","description":"If not its last.","maxLength":10}` +
	`,"parent":{"type":"string","description":"The objective that it contributes to.","maxLength":64}`

// apply writes the arguments into an objective and answers which fields there were.
func (a *plan) apply(ctx context.Context, s *Set, o *okrv1.Objective) ([]string, error) {
	var given fieldNames
	given.set("description", &o.Description, a.Description)
	given.set("cycle", &o.Cycle, a.Cycle)
	given.set("start_date", &o.StartDate, a.StartDate)
	given.set("due_date", &o.DueDate, a.DueDate)
	given.set("parent_id", &o.ParentId, a.Parent)
	return s.own(ctx, given, &o.OwnerId, a.Owner)
}

// measure is the arguments about how a key result is measured.
type measure struct {
	StartValue  *string `json:"startValue"`
	TargetValue *string `json:"targetValue"`
	Unit        *string `json:"unit"`
	Format      *string `json:"format"`
	Weight      *int32  `json:"weight"`
	Owner       *string `json:"owner"`
}

func measureSchema() string {
	return `"startValue":{"type":"string","description":"A decimal number.","maxLength":20}` +
		`,"targetValue":{"type":"string","description":"Above or below startValue.","maxLength":20}` +
		`,"unit":{"type":"string","description":"What is counted, or a currency code.","maxLength":32},` +
		enumSchema("format", "How to write values.", okrv1.ValueFormat(0)) +
		`,"weight":{"type":"integer","description":"Among the others; 1 by default.","minimum":1,"maximum":100},` + ownerSchema
}

// apply writes the arguments into a key result and answers which fields there were.
func (a *measure) apply(ctx context.Context, s *Set, k *okrv1.KeyResult) ([]string, error) {
	var given fieldNames
	given.set("start_value", &k.StartValue, a.StartValue)
	given.set("target_value", &k.TargetValue, a.TargetValue)
	given.set("unit", &k.Unit, a.Unit)
	if a.Format != nil {
		k.Format = read[okrv1.ValueFormat](*a.Format)
		given = append(given, "format")
	}
	if a.Weight != nil {
		k.Weight = a.Weight
		given = append(given, "weight")
	}
	return s.own(ctx, given, &k.OwnerId, a.Owner)
}

// own adds the owner, who may be called by name.
func (s *Set) own(ctx context.Context, given fieldNames, field, owner *string) ([]string, error) {
	if owner == nil {
		return given, nil
	}
	id, err := s.members.find(ctx, "owner", *owner)
	*field = id
	return append(given, "owner_id"), err
}

// fieldNames are the fields of an update, for its mask.
type fieldNames []string

func (f *fieldNames) set(name string, field, value *string) {
	if value == nil {
		return
	}
	*field = *value
	*f = append(*f, name)
}
