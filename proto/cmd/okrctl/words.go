package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

const timeForm = "2006-01-02 15:04:05"

// word is a value of an enum as it is written on the command line: CONFIDENCE_ON_TRACK is "on-track".
func word(value protoreflect.Enum) string {
	d := value.Descriptor().Values().ByNumber(value.Number())
	if d == nil || value.Number() == 0 {
		return ""
	}
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(string(d.Name()), prefixOf(value)), "_", "-"))
}

// prefixOf is what the values of an enum begin with: those of the enum ObjectiveState with OBJECTIVE_STATE_.
func prefixOf(value protoreflect.Enum) string {
	return strings.TrimSuffix(string(value.Descriptor().Values().ByNumber(0).Name()), "UNSPECIFIED")
}

// words are all values that can be asked for.
func words[E protoreflect.Enum]() []string {
	var kind E
	values := kind.Descriptor().Values()
	var all []string
	for i := range values.Len() {
		if w := word(kind.Type().New(values.Get(i).Number())); w != "" {
			all = append(all, w)
		}
	}
	return all
}

// parseWord is the value that a word of a flag means; the empty word is none.
func parseWord[E interface {
	~int32
	protoreflect.Enum
}](flag, text string,
) (E, error) {
	if text == "" {
		return 0, nil
	}
	all := words[E]()
	if !slices.Contains(all, text) {
		return 0, usagef("--%s is %q, and must be one of: %s", flag, text, strings.Join(all, ", "))
	}
	var kind E
	name := prefixOf(kind) + strings.ToUpper(strings.ReplaceAll(text, "-", "_"))
	return E(kind.Descriptor().Values().ByName(protoreflect.Name(name)).Number()), nil
}

func parseWords[E interface {
	~int32
	protoreflect.Enum
}](flag string, texts []string,
) ([]E, error) {
	var values []E
	for _, text := range texts {
		value, err := parseWord[E](flag, text)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// value is a measured value with its unit.
func value(k *okrv1.KeyResult, v string) string {
	switch {
	case v == "":
		return ""
	case k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE && v == "100":
		return "done"
	case k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE:
		return "open"
	case k.GetFormat() == okrv1.ValueFormat_VALUE_FORMAT_PERCENT:
		return v + "%"
	case k.GetUnit() != "":
		return v + " " + k.GetUnit()
	}
	return v
}

// percent is a share, and where it should be by now.
func percent(share, expected *int32) string {
	switch {
	case share == nil:
		return "-"
	case expected == nil:
		return fmt.Sprintf("%d%%", *share)
	}
	return fmt.Sprintf("%d%% (%d%% expected)", *share, *expected)
}

// status is what a key result stands like.
func status(k *okrv1.KeyResult) string {
	if k.GetStale() {
		return "stale"
	}
	return word(k.GetConfidence())
}

// unconfirmed names the application that the value comes from, as long as no member has confirmed it.
func unconfirmed(k *okrv1.KeyResult) string {
	return memberName(k.GetAgentReport().GetClientName(), k.GetAgentReport().GetClientId())
}

func clock(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Local().Format(timeForm)
}

// parseTime reads a moment: RFC 3339, a day, or how long ago it was.
func parseTime(flag, text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no moment is a value of the contract
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return timestamppb.New(time.Now().Add(-ago.Abs())), nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return timestamppb.New(t), nil
		}
	}
	return nil, usagef("--%s is %q, and must be a time such as 2026-07-01, 2026-07-01T09:00:00Z or 24h (ago)", flag, text)
}

// title is what a snapshot is of.
func title(s *okrv1.Snapshot) string {
	if o := s.GetObjective(); o != nil {
		return o.GetTitle()
	}
	return s.GetKeyResult().GetTitle()
}

// differences are the fields that differ between two states of a resource, by their names in the contract.
func differences(before, after proto.Message, ignored ...protoreflect.Name) []string {
	var names []string
	b, a := before.ProtoReflect(), after.ProtoReflect()
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !slices.Contains(ignored, f.Name()) && (b.Has(f) != a.Has(f) || !b.Get(f).Equal(a.Get(f))) {
			names = append(names, string(f.Name()))
		}
	}
	return names
}
