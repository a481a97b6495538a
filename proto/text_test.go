package contract_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// broken are the ids of the rules that a message breaks, as requests are checked.
func broken(t *testing.T, m proto.Message) []string {
	t.Helper()
	err := protovalidate.Validate(m)
	var invalid *protovalidate.ValidationError
	if err != nil && !errors.As(err, &invalid) {
		t.Fatalf("a rule cannot be evaluated: %v", err)
	}
	var ids []string
	if invalid != nil {
		for _, v := range invalid.Violations {
			ids = append(ids, v.Proto.GetRuleId())
		}
	}
	slices.Sort(ids)
	return ids
}

// What a person writes is refused in words; the rule of a pattern says its regular expression, and stands for ids alone.
func TestOnlyIDsAreRefusedByAPattern(t *testing.T) {
	fields := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("okr.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Messages().Len() {
			all := file.Messages().Get(i).Fields()
			for j := range all.Len() {
				if field := all.Get(j); constraints(field).GetString().GetPattern() != "" {
					fields++
					if !strings.HasSuffix(string(field.Name()), "_id") {
						t.Errorf("%s is refused by a pattern", field.FullName())
					}
				}
			}
		}
		return true
	})
	if fields == 0 {
		t.Error("no pattern was found")
	}
}

func TestTitlesAreOneLineOfVisibleText(t *testing.T) {
	const (
		ok      = ""
		blank   = "title.blank"
		control = "title.control_characters"
		both    = blank + " " + control
		tooLong = "string.max_len"
	)
	for _, test := range []struct{ name, title, want string }{
		{"a word", "Grow", ok},
		{"white space around a word", "  Grow  ", ok},
		{"nothing", "", "required"},
		{"spaces alone", "   ", blank},
		{"a no-break space alone", "\u00a0", blank},
		{"an ideographic space alone", "\u3000", blank},
		{"a tab alone", "\t", both},
		{"a tab within", "Grow\tfast", control},
		{"a line feed", "Grow\nfast", control},
		{"a carriage return", "Grow\rfast", control},
		{"NUL", "Grow\x00", control},
		{"DEL", "Grow\x7f", control},
		{"a C1 control character (NEL)", "Grow\u0085", control},
		{"a line separator", "Grow\u2028fast", control},
		{"a paragraph separator", "Grow\u2029fast", control},
		{"a bidirectional override", "Grow\u202efast", control},
		{"a bidirectional embedding", "Grow\u202afast", control},
		{"a bidirectional isolate", "Grow\u2066fast", control},
		{"right-to-left text without overrides", "نمو سريع", ok},
		{"combining characters", "Cafe\u0301", ok},
		{"an emoji of several code points joined by ZWJ", "Family 👨\u200d👩\u200d👧 first", ok},
		{"markup, which is text", "<b>Grow</b>", ok},
		{"500 ASCII characters", strings.Repeat("a", 500), ok},
		{"501 ASCII characters", strings.Repeat("a", 501), tooLong},
		{"500 characters of four bytes", strings.Repeat("𝔊", 500), ok},
		{"501 characters of four bytes", strings.Repeat("𝔊", 501), tooLong},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := strings.Fields(test.want)
			if got := broken(t, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: test.title}}); !slices.Equal(got, want) {
				t.Errorf("an objective's title breaks %v, want %v", got, want)
			}
			if got := broken(t, &okrv1.CreateKeyResultRequest{ObjectiveId: "okr_1", KeyResult: &okrv1.KeyResult{Title: test.title}}); !slices.Equal(got, want) {
				t.Errorf("a key result's title breaks %v, want %v", got, want)
			}
		})
	}
}

func TestLongTextsMayHaveLinesAndTabsAndNothingThatHidesOrTurnsText(t *testing.T) {
	const (
		ok      = ""
		control = "text.control_characters"
		tooLong = "string.max_len"
	)
	fields := []struct {
		name string
		most int
		in   func(text string) proto.Message
	}{
		{"an objective's description", 10_000, func(text string) proto.Message {
			return &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow", Description: text}}
		}},
		{"a closing note", 4000, func(text string) proto.Message {
			return &okrv1.CloseObjectiveRequest{ObjectiveId: "okr_1", Score: "1", ClosingNote: text}
		}},
		{"a check-in's note", 4000, func(text string) proto.Message {
			return &okrv1.CreateCheckInRequest{KeyResultId: "kr_1", CheckIn: &okrv1.CheckIn{Note: text}}
		}},
	}
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", ok},
		{"paragraphs with tabs", "One:\n\n\ttwo\r\nthree", ok},
		{"markup, which is text", "<script>alert(1)</script>", ok},
		{"right-to-left text without overrides", "نمو سريع", ok},
		{"NUL", "a\x00b", control},
		{"a vertical tab", "a\vb", control},
		{"an escape, which terminals obey", "a\x1b[2Jb", control},
		{"DEL", "a\x7fb", control},
		{"a C1 control character", "a\u009bb", control},
		{"a line separator", "a\u2028b", control},
		{"a bidirectional override", "a\u202eb", control},
		{"a bidirectional isolate", "a\u2067b", control},
	} {
		for _, field := range fields {
			if got := broken(t, field.in(test.text)); !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("%s with %s breaks %v, want %q", field.name, test.name, got, test.want)
			}
		}
	}
	for _, field := range fields {
		if got := broken(t, field.in(strings.Repeat("𝔊", field.most))); len(got) != 0 {
			t.Errorf("%s of %d characters breaks %v", field.name, field.most, got)
		}
		if got := broken(t, field.in(strings.Repeat("a", field.most+1))); !slices.Equal(got, []string{tooLong}) {
			t.Errorf("%s of %d characters breaks %v", field.name, field.most+1, got)
		}
	}
}

func TestUnitsAndObservedValuesAreOneLine(t *testing.T) {
	for _, test := range []struct{ name, text, unit, observed string }{
		{"nothing", "", "", ""},
		{"words", "new customers", "", ""},
		{"a sign", "€", "", ""},
		{"a line feed", "a\nb", "unit.control_characters", "observed_value.control_characters"},
		{"an override", "a\u202eb", "unit.control_characters", "observed_value.control_characters"},
		{"33 characters", strings.Repeat("ä", 33), "string.max_len", ""},
		{"101 characters", strings.Repeat("ä", 101), "string.max_len", "string.max_len"},
	} {
		unit := &okrv1.CreateKeyResultRequest{ObjectiveId: "okr_1", KeyResult: &okrv1.KeyResult{Title: "Grow", Unit: test.text}}
		if got := broken(t, unit); !slices.Equal(got, strings.Fields(test.unit)) {
			t.Errorf("a unit of %s breaks %v, want %q", test.name, got, test.unit)
		}
		evidence := []*okrv1.Evidence{{Url: "https://example.com", ObservedValue: test.text}}
		observed := &okrv1.CreateCheckInRequest{KeyResultId: "kr_1", CheckIn: &okrv1.CheckIn{Value: "1", Evidence: evidence}}
		if got := broken(t, observed); !slices.Equal(got, strings.Fields(test.observed)) {
			t.Errorf("an observed value of %s breaks %v, want %q", test.name, got, test.observed)
		}
	}
}

func TestEvidenceIsAtAWebAddressThatSaysWhereItLeads(t *testing.T) {
	const notOne = "url.form"
	for url, want := range map[string]string{
		"https://example.com":                                   "",
		"http://example.com:8080/a/b?c=d&e=f#g":                 "",
		"https://[2001:db8::1]/x":                               "",
		"https://example.com/Umsätze/2026?q=ä":                  "",
		"https://münchen.example/":                              "",
		"https://example.com/@team":                             "", // no account: the host has ended
		"https://example.com?at=a@b":                            "",
		"":                                                      "required",
		"example.com":                                           notOne,
		"//example.com":                                         notOne,
		"https://":                                              notOne,
		"https:///example.com":                                  notOne,
		"ftp://example.com":                                     notOne,
		"javascript:alert(1)":                                   notOne,
		"JAVASCRIPT:alert(1)":                                   notOne,
		"javascript://example.com/%0Aalert(1)":                  notOne,
		"data:text/html,x":                                      notOne,
		" https://example.com":                                  notOne,
		"https://example.com/a b":                               notOne,
		"https://example.com/\n":                                notOne,
		"https://bank.example@evil.example":                     notOne,
		"https://name:password@example.com/":                    notOne,
		"https://evil.example\\@bank.example/":                  notOne,
		"https://example.com/\u202efdp.exe":                     notOne,
		"https://example.com/\u2066x":                           notOne,
		"https://exam\u00a0ple.com/":                            notOne,
		"https://example.com/\x00":                              notOne,
		"https://example.com/" + strings.Repeat("a", 2048-20+1): "string.max_len",
	} {
		m := &okrv1.CreateCheckInRequest{KeyResultId: "kr_1", CheckIn: &okrv1.CheckIn{
			Value: "1", Evidence: []*okrv1.Evidence{{Url: url}},
		}}
		if got := broken(t, m); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q breaks %v, want %q", url, got, want)
		}
	}
	t.Run("of which there are ten at most", func(t *testing.T) {
		c := &okrv1.CheckIn{Value: "1"}
		for range 10 {
			c.Evidence = append(c.Evidence, &okrv1.Evidence{Url: "https://example.com"})
		}
		if got := broken(t, c); len(got) != 0 {
			t.Errorf("ten break %v", got)
		}
		c.Evidence = append(c.Evidence, c.Evidence[0])
		if got := broken(t, c); !slices.Equal(got, []string{"repeated.max_items"}) {
			t.Errorf("eleven break %v", got)
		}
	})
}

func TestDecimalsAreExactNumbersOf18DigitsAtMost(t *testing.T) {
	const notOne, tooLong = "decimal.form", "string.max_len decimal.form"
	for text, want := range map[string]string{
		"":                      "", // says nothing
		"0":                     "",
		"-0":                    "",
		"12.50":                 "",
		"-12.50":                "",
		"007":                   "",
		"123456789012345678":    "",
		"-12345678901234567.8":  "",
		"0.12345678901234567":   "",
		"-0.12345678901234567":  "",
		"1234567890123456789":   notOne,
		"123456789012345678.9":  notOne,
		"-123456789.1234567890": tooLong,
		"12345678901234567.89":  notOne,
		".5":                    notOne,
		"5.":                    notOne,
		"+5":                    notOne,
		"--5":                   notOne,
		"1e3":                   notOne,
		"1,000":                 notOne,
		"1_000":                 notOne,
		"0x1F":                  notOne,
		"1/3":                   notOne,
		"NaN":                   notOne,
		"Infinity":              notOne,
		" 5":                    notOne,
		"5\n":                   notOne,
		"٥":                     notOne, // a digit, but none of ours
		"5%":                    notOne,
	} {
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		for field, m := range map[string]proto.Message{
			"a start":    &okrv1.CreateKeyResultRequest{ObjectiveId: "okr_1", KeyResult: &okrv1.KeyResult{Title: "K", StartValue: text}},
			"a target":   &okrv1.CreateKeyResultRequest{ObjectiveId: "okr_1", KeyResult: &okrv1.KeyResult{Title: "K", TargetValue: text}},
			"a check-in": &okrv1.CreateCheckInRequest{KeyResultId: "kr_1", CheckIn: &okrv1.CheckIn{Value: text}},
		} {
			if got := broken(t, m); !slices.Equal(got, wanted) {
				t.Errorf("%s of %q breaks %v, want %v", field, text, got, wanted)
			}
		}
	}
}

func TestCyclesDatesAndScoresHaveOneForm(t *testing.T) {
	objective := func(o *okrv1.Objective) proto.Message {
		o.Title = "Grow"
		return &okrv1.CreateObjectiveRequest{Objective: o}
	}
	for name, test := range map[string]struct {
		in       func(text string) proto.Message
		rule     string
		good, no []string
	}{
		"a cycle": {
			func(text string) proto.Message { return objective(&okrv1.Objective{Cycle: text}) },
			"cycle.form",
			[]string{"", "2026", "2026-H1", "2026-H2", "2026-Q1", "2026-Q4"},
			[]string{"26", "2026-Q0", "2026-Q5", "2026-H3", "2026-q1", "2026Q1", "2026-01", "2026-", "Q1-2026", "2026-Q1\n", "FY2026"},
		},
		"a start date": {
			func(text string) proto.Message { return objective(&okrv1.Objective{StartDate: text}) },
			"date.form",
			[]string{"", "2026-01-01", "2026-12-31", "2028-02-29"},
			[]string{"2026-1-1", "2026-13-01", "2026-00-10", "2026-01-32", "2026-01-00", "01.02.2026", "2026-01-01T00:00:00Z", "today"},
		},
		"a due date": {
			func(text string) proto.Message { return objective(&okrv1.Objective{DueDate: text}) },
			"date.form",
			[]string{"", "2026-01-01", "2026-12-31"},
			[]string{"2026-1-1", "2026-13-01", "2026-01-01 ", "next week"},
		},
		"a score": {
			func(text string) proto.Message {
				return &okrv1.CloseObjectiveRequest{ObjectiveId: "okr_1", Score: text}
			},
			"score.form",
			[]string{"0", "0.0", "0.7", "0.75", "1", "1.0", "1.00"},
			[]string{"0.755", "1.1", "1.01", "2", "-0.5", ".5", "0.", "70%", "00.5", "0,7", "1.000"},
		},
	} {
		for _, text := range test.good {
			if got := broken(t, test.in(text)); len(got) != 0 {
				t.Errorf("%s of %q breaks %v", name, text, got)
			}
		}
		for _, text := range test.no {
			if got := broken(t, test.in(text)); !slices.Equal(got, []string{test.rule}) {
				t.Errorf("%s of %q breaks %v, want %s", name, text, got, test.rule)
			}
		}
	}
}

func TestRequestsBreakTheRulesThatTheyBreak(t *testing.T) {
	titled := &okrv1.Objective{Id: "okr_1", Title: "Grow"}
	attainment := func(percent *int32) proto.Message {
		return &okrv1.SetKeyResultAttainmentRequest{KeyResultId: "kr_1", Attainment: percent}
	}
	for _, test := range []struct {
		name    string
		message proto.Message
		want    string
	}{
		{"an attainment of 0 is one", attainment(new(int32(0))), ""},
		{"an attainment of 100", attainment(new(int32(100))), ""},
		{"an attainment of 101", attainment(new(int32(101))), "int32.gte_lte"},
		{"an attainment of -1", attainment(new(int32(-1))), "int32.gte_lte"},
		{"no attainment", attainment(nil), "required"},
		{"no objective to create", &okrv1.CreateObjectiveRequest{}, "required"},
		{"a request id of 64 characters", &okrv1.CreateObjectiveRequest{Objective: titled, RequestId: strings.Repeat("a", 64)}, ""},
		{"a request id of 65 characters", &okrv1.CreateObjectiveRequest{Objective: titled, RequestId: strings.Repeat("a", 65)}, "string.max_len"},
		{"a request id with a space", &okrv1.CreateObjectiveRequest{Objective: titled, RequestId: "a b"}, "string.pattern"},
		{"a request id with a line feed at its end", &okrv1.CreateObjectiveRequest{Objective: titled, RequestId: "a\n"}, "string.pattern"},
		{"an update that names no objective", &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow"}}, "objective.id"},
		{"an update without an objective", &okrv1.UpdateObjectiveRequest{}, "objective.id"},
		{"an update whose title is checked after merging", &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: "okr_1"}}, ""},
		{"an update that names no key result", &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Title: "Grow"}}, "key_result.id"},
		{"a negative page size", &okrv1.ListObjectivesRequest{PageSize: -1}, "int32.gte"},
		{"a page size that is too large is cut, not refused", &okrv1.ListObjectivesRequest{PageSize: 1_000_000}, ""},
		{"an order that there is not", &okrv1.ListChangesRequest{OrderBy: "title"}, "string.in"},
		{"newest first", &okrv1.ListChangesRequest{OrderBy: "seq desc"}, ""},
		{"a weight of 0", &okrv1.CreateKeyResultRequest{ObjectiveId: "okr_1", KeyResult: &okrv1.KeyResult{Title: "K", Weight: new(int32(0))}}, "int32.gte_lte"},
		{"a weight of 101", &okrv1.CreateKeyResultRequest{ObjectiveId: "okr_1", KeyResult: &okrv1.KeyResult{Title: "K", Weight: new(int32(101))}}, "int32.gte_lte"},
		{"a kind that there is not", &okrv1.CreateKeyResultRequest{ObjectiveId: "okr_1", KeyResult: &okrv1.KeyResult{Title: "K", Kind: 9}}, "enum.defined_only"},
		{"a confidence that there is not", &okrv1.CreateCheckInRequest{KeyResultId: "kr_1", CheckIn: &okrv1.CheckIn{Confidence: 9}}, "enum.defined_only"},
		{"no check-in", &okrv1.CreateCheckInRequest{KeyResultId: "kr_1"}, "required"},
		{"no score", &okrv1.CloseObjectiveRequest{ObjectiveId: "okr_1"}, "required"},
		{"an owner with a slash", &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "K", OwnerId: "a/b"}}, "string.pattern"},
		{"a parent with a slash", &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "K", ParentId: "a/b"}}, "string.pattern"},
		{"oldest check-ins first", &okrv1.ListCheckInsRequest{KeyResultId: "kr_1", OrderBy: "create_time"}, ""},
		{"check-ins by value", &okrv1.ListCheckInsRequest{KeyResultId: "kr_1", OrderBy: "value"}, "string.in"},
		{"no credential at all", &authzv1.AuthenticateRequest{}, "required"},
		{"a code of six digits", &authzv1.AuthenticateEmailCodeRequest{EmailAddress: "a@example.com", Code: "012345"}, ""},
		{"a code with a line feed at its end", &authzv1.AuthenticateEmailCodeRequest{EmailAddress: "a@example.com", Code: "012345\n"}, "string.pattern"},
		{"an address that is none", &authzv1.SendEmailCodeRequest{EmailAddress: "example.com"}, "string.email"},
		{"an organization's name of white space", &authzv1.CreateOrganizationRequest{DisplayName: " "}, "display_name.blank"},
		{"an organization's name with an override", &authzv1.CreateOrganizationRequest{DisplayName: "Acme\u202e"}, "display_name.control_characters"},
		{"no short name", &authzv1.CreateOrganizationRequest{DisplayName: "Acme"}, ""},
		{"a short name in capitals", &authzv1.CreateOrganizationRequest{DisplayName: "Acme", Slug: "Acme"}, "string.pattern"},
		{"an OAuth provider that there is not", &authzv1.StartOAuthRequest{
			Provider: 99, RedirectUri: "https://okr.example/callback", CodeChallenge: strings.Repeat("a", 43),
		}, "enum.defined_only"},
		{"a code challenge that is too short", &authzv1.StartOAuthRequest{
			Provider: authzv1.OAuthProvider_O_AUTH_PROVIDER_GOOGLE, RedirectUri: "https://okr.example/callback", CodeChallenge: "abc",
		}, "string.pattern"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := broken(t, test.message); !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("it breaks %v, want %q", got, test.want)
			}
		})
	}
}
