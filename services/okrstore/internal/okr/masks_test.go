package okr_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func TestMerge(t *testing.T) {
	current := &okrv1.KeyResult{
		Id: "kr_1", ObjectiveId: "okr_1", Title: "Old", Attainment: new(int32(40)), Etag: "E1",
		Creator: &okrv1.Member{MemberId: "m1"},
	}
	update := &okrv1.KeyResult{
		Id: "kr_2", ObjectiveId: "okr_2", Title: "New", Attainment: new(int32(99)), Etag: "E2",
		Creator: &okrv1.Member{MemberId: "m2"}, CreateTime: timestamppb.New(now),
	}
	empty := &okrv1.KeyResult{Id: "kr_1"}
	tests := map[string]struct {
		update *okrv1.KeyResult
		paths  []string
		want   string // the title; "" with err empty means an emptied title
		err    string
	}{
		"an absent mask takes every field that is set":                  {update: update, want: "New"},
		"an absent mask with nothing set is refused":                    {update: empty, err: "those are: title"},
		"a wildcard takes every field":                                  {update: update, paths: []string{"*"}, want: "New"},
		"a wildcard empties what is not set":                            {update: empty, paths: []string{"*"}, want: ""},
		"a named field is taken":                                        {update: update, paths: []string{"title"}, want: "New"},
		"a named field that is not set is emptied":                      {update: empty, paths: []string{"title"}, want: ""},
		"the same field twice is the same as once":                      {update: update, paths: []string{"title", "title"}, want: "New"},
		"output-only fields beside a field are passed over":             {update: update, paths: []string{"title", "attainment", "creator", "creator.member_id", "create_time.seconds"}, want: "New"},
		"the identity and the etag beside a field are passed over":      {update: update, paths: []string{"id", "objective_id", "etag", "title"}, want: "New"},
		"a mask of output-only fields is refused":                       {update: update, paths: []string{"creator"}, err: `"creator" is output only`},
		"a mask of the attainment says what sets it":                    {update: update, paths: []string{"attainment"}, err: "SetKeyResultAttainment"},
		"an absent mask with the attainment alone says what sets it":    {update: &okrv1.KeyResult{Id: "kr_1", Attainment: new(int32(5))}, err: "SetKeyResultAttainment"},
		"a mask of the etag alone is refused":                           {update: update, paths: []string{"etag"}, err: "those are: title"},
		"an unknown field is refused":                                   {update: update, paths: []string{"title", "colour"}, err: `no field "colour"`},
		"an unknown field below an output-only one is refused":          {update: update, paths: []string{"title", "creator.colour"}, err: `no field "creator.colour"`},
		"a path below a text is refused":                                {update: update, paths: []string{"title.x"}, err: `no field "title.x"`},
		"a path in camel case is refused":                               {update: update, paths: []string{"createTime"}, err: `no field "createTime"`},
		"a wildcard beside a field is refused":                          {update: update, paths: []string{"*", "title"}, err: `beside "*"`},
		"an empty path is refused":                                      {update: update, paths: []string{""}, err: `no field ""`},
		"a path with a wildcard below is refused, AIP-161 has no such":  {update: update, paths: []string{"creator.*"}, err: "no field"},
		"a field that another kind of resource has is an unknown field": {update: update, paths: []string{"key_results"}, err: "no field"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := proto.Clone(current)
			var mask *fieldmaskpb.FieldMask
			if test.paths != nil {
				mask = &fieldmaskpb.FieldMask{Paths: test.paths}
			}
			got, err := okr.Merge(current, test.update, mask)
			if !proto.Equal(current, before) {
				t.Errorf("the current state was changed to %v", current)
			}
			if test.err != "" {
				var field *okr.FieldError
				if !errors.As(err, &field) || field.Field != "update_mask" || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want one of update_mask with %q", err, test.err)
				}
				return
			}
			want := okr.Copy(current)
			want.Title = test.want
			if err != nil || !proto.Equal(got, want) {
				t.Errorf("Merge = %v, %v, want %v", got, err, want)
			}
		})
	}
	t.Run("an objective's key results point to their own methods", func(t *testing.T) {
		_, err := okr.Merge(&okrv1.Objective{}, &okrv1.Objective{}, &fieldmaskpb.FieldMask{Paths: []string{"key_results"}})
		if err == nil || !strings.Contains(err.Error(), "methods of key results") {
			t.Errorf("error %v", err)
		}
	})
}

// An optional number is a pointer in the generated code, which a copy shares with its original.
func TestMergeLeavesOptionalFieldsOfItsArgumentsAsTheyAre(t *testing.T) {
	current, update := &okrv1.KeyResult{Weight: new(int32(1))}, &okrv1.KeyResult{Weight: new(int32(7))}
	merged, err := okr.Merge(current, update, nil)
	if err != nil || merged.GetWeight() != 7 || current.GetWeight() != 1 {
		t.Errorf("merged to %v, %v, and the current one became %v", merged, err, current)
	}
	*merged.Weight = 9
	if update.GetWeight() != 7 {
		t.Errorf("the update became %v", update)
	}
}

func TestMergeNeverTouchesOutputOnlyFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		current, update := drawObjective(t, "current"), drawObjective(t, "update")
		var mask *fieldmaskpb.FieldMask
		if rapid.Bool().Draw(t, "has mask") {
			mask = &fieldmaskpb.FieldMask{Paths: rapid.SliceOf(rapid.SampledFrom([]string{
				"id", "title", "key_results", "progress", "etag", "create_time", "update_time", "creator", "updater", "*",
			})).Draw(t, "paths")}
		}
		got, err := okr.Merge(current, update, mask)
		if err != nil {
			return
		}
		want := okr.Copy(current)
		want.Title = got.GetTitle()
		if !proto.Equal(got, want) {
			t.Fatalf("Merge changed more than the title: %v, was %v", got, current)
		}
		if title := got.GetTitle(); title != update.GetTitle() {
			t.Fatalf("the title is %q, want %q", title, update.GetTitle())
		}
	})
}

func drawObjective(t *rapid.T, label string) *okrv1.Objective {
	text := rapid.StringN(0, 8, -1)
	o := &okrv1.Objective{
		Id:         text.Draw(t, label+" id"),
		Title:      text.Draw(t, label+" title"),
		Etag:       text.Draw(t, label+" etag"),
		KeyResults: keyResults(rapid.SliceOfN(rapid.Int32Range(0, 100), 0, 4).Draw(t, label+" attainments")...),
	}
	if rapid.Bool().Draw(t, label+" has creator") {
		o.Creator = &okrv1.Member{MemberId: text.Draw(t, label+" member")}
	}
	if rapid.Bool().Draw(t, label+" has progress") {
		o.Progress = new(rapid.Int32().Draw(t, label+" progress"))
	}
	return o
}
