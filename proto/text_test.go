package contract_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

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
