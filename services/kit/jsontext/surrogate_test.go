package jsontext_test

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/df0f9dda/okr-manager/services/kit/jsontext"
)

// FuzzCheckSurrogates holds it against protojson, which refuses such text as it refuses nothing else that is JSON.
func FuzzCheckSurrogates(f *testing.F) {
	for text, want := range map[string]string{
		`"plain"`:                                 "",
		`"a pair: \ud83c\udfaf"`:                  "",
		`"in capitals: \uD83C\uDFAF"`:             "",
		`"two: \ud83c\udfaf\ud83c\udfaf"`:         "",
		`"other escapes: \n\"\\\/\u00e9"`:         "",
		`"a backslash before ud83c: \\ud83c"`:     "",
		`"the character itself: 🎯 \ufffd"`:        "",
		`"cut off: \ud83c"`:                       `\ud83c`,
		`"cut off: \ud83c..."`:                    `\ud83c`,
		`"the second alone: \uDFAF"`:              `\uDFAF`,
		`"the second first: \udfaf\ud83c"`:        `\udfaf`,
		`"the first twice: \ud83c\ud83d"`:         `\ud83c`,
		`"with an escape behind: \ud83c\n"`:       `\ud83c`,
		`"a pair and a half: \ud83c\udfaf\ud83c"`: `\ud83c`,
		`"behind a backslash: \\\ud83c"`:          `\ud83c`,
		`["in a list", {"as a name \ud83c": 1}]`:  `\ud83c`,
	} {
		if err := jsontext.CheckSurrogates([]byte(text)); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want+",") {
			f.Errorf("%s: %v, want to be told %q", text, err, want)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) || strings.ToValidUTF8(text, "") != text || !strings.HasPrefix(text, `"`) {
			return
		}
		want := protojson.Unmarshal([]byte(text), new(structpb.Value))
		if got := jsontext.CheckSurrogates([]byte(text)); (got != nil) != (want != nil) {
			t.Errorf("%s: %v, and protojson: %v", text, got, want)
		}
	})
}
