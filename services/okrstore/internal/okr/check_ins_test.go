package okr_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

const (
	onTrack = okrv1.Confidence_CONFIDENCE_ON_TRACK
	atRisk  = okrv1.Confidence_CONFIDENCE_AT_RISK
)

func TestCheckIn(t *testing.T) {
	current := &okrv1.KeyResult{
		Id: "kr_1", Kind: metric, StartValue: "0", TargetValue: "200", CurrentValue: "20.0", Attainment: new(int32(10)),
		Confidence: onTrack, CheckInCount: 3,
	}
	step := okr.Copy(current)
	step.Kind, step.TargetValue, step.CurrentValue, step.Attainment = milestone, "100", "0", new(int32(0))
	evidence := []*okrv1.Evidence{{Url: "https://example.com", ObservedTime: timestamppb.New(now)}}
	tests := map[string]struct {
		current    *okrv1.KeyResult
		given      *okrv1.CheckIn
		value      string // after it
		attainment int32
		confidence okrv1.Confidence
		field      string
	}{
		"a value":                               {current: current, given: &okrv1.CheckIn{Value: "050"}, value: "50", attainment: 25, confidence: onTrack},
		"the same value once more":              {current: current, given: &okrv1.CheckIn{Value: "20"}, value: "20", attainment: 10, confidence: onTrack},
		"a value beyond the target":             {current: current, given: &okrv1.CheckIn{Value: "250"}, value: "250", attainment: 100, confidence: onTrack},
		"a value below the start":               {current: current, given: &okrv1.CheckIn{Value: "-1"}, value: "-1", attainment: 0, confidence: onTrack},
		"a confidence alone":                    {current: current, given: &okrv1.CheckIn{Confidence: atRisk}, value: "20.0", attainment: 10, confidence: atRisk},
		"a note alone":                          {current: current, given: &okrv1.CheckIn{Note: "Nothing new"}, value: "20.0", attainment: 10, confidence: onTrack},
		"all of it":                             {current: current, given: &okrv1.CheckIn{Value: "30", Confidence: atRisk, Note: "Slow", Evidence: evidence}, value: "30", attainment: 15, confidence: atRisk},
		"a milestone that is done":              {current: step, given: &okrv1.CheckIn{Value: "100.0"}, value: "100", attainment: 100, confidence: onTrack},
		"a milestone that is not":               {current: step, given: &okrv1.CheckIn{Value: "0.0"}, value: "0", attainment: 0, confidence: onTrack},
		"a milestone that is half done":         {current: step, given: &okrv1.CheckIn{Value: "50"}, field: "value"},
		"nothing":                               {current: current, given: &okrv1.CheckIn{}, field: "value"},
		"a note of white space":                 {current: current, given: &okrv1.CheckIn{Note: " \n"}, field: "value"},
		"evidence alone, of nothing":            {current: current, given: &okrv1.CheckIn{Evidence: evidence}, field: "value"},
		"a value in words":                      {current: current, given: &okrv1.CheckIn{Value: "many"}, field: "value"},
		"evidence at a time that is not":        {current: current, given: &okrv1.CheckIn{Value: "30", Evidence: []*okrv1.Evidence{{Url: "https://example.com", ObservedTime: &timestamppb.Timestamp{Seconds: 1 << 60}}}}, field: "evidence[0].observed_time"},
		"evidence at a time of more than 1e9ns": {current: current, given: &okrv1.CheckIn{Value: "30", Evidence: append(evidence[:1:1], &okrv1.Evidence{Url: "https://example.com", ObservedTime: &timestamppb.Timestamp{Nanos: -1}})}, field: "evidence[1].observed_time"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before, given := proto.Clone(test.current), proto.Clone(test.given)
			k, c, err := okr.CheckIn(test.current, test.given)
			wantFieldError(t, err, test.field)
			if !proto.Equal(before, test.current) || !proto.Equal(given, test.given) {
				t.Errorf("an argument was changed to %v or %v", test.current, test.given)
			}
			if test.field != "" {
				return
			}
			wantK := okr.Copy(test.current)
			wantK.CurrentValue, wantK.Attainment, wantK.Confidence, wantK.CheckInCount = test.value, &test.attainment, test.confidence, 4
			if !proto.Equal(k, wantK) {
				t.Errorf("the key result becomes\n%v, want\n%v", k, wantK)
			}
			wantC := okr.Copy(test.given)
			wantC.Value, wantC.PreviousValue, wantC.Attainment = test.value, test.current.GetCurrentValue(), &test.attainment
			if !proto.Equal(c, wantC) {
				t.Errorf("the check-in becomes\n%v, want\n%v", c, wantC)
			}
		})
	}
}
