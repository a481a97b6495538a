package stytch

import (
	"strings"
	"testing"
)

func TestNamesCannotDisturbWhatStandsBesideThem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, given, app, person string }{
		{"an ordinary one", "Claude", "Claude", "Claude"},
		{"line breaks and other space", " Cla\r\nude\u2028AI\u2029\tand\u00a0more\v", "Cla ude AI and more", "Cla ude AI and more"},
		{"what a terminal obeys", "a\x1b[2Jb\u009b31mc\x07\x00\x7f", "a[2Jb31mc", "a[2Jb31mc"},
		{"what turns the writing around", "a\u202eb\u2066c\u200fd\u061ce", "abcde", "abcde"},
		{"what cannot be seen", "a\u200b\ufeffb\u00ad\u3164", "ab", "a\u200b\ufeffb\u00ad\u3164"},
		{"what joins letters", "नमस्\u200dते", "नमस्ते", "नमस्\u200dते"},
		{"bytes that are no text", "a\xff\xfeb", "ab", "ab"},
		{"markup, which is text", "<b>R&D</b>", "<b>R&D</b>", "<b>R&D</b>"},
		{"other scripts", "Ångström \U0001F916 研究アプリ", "Ångström \U0001F916 研究アプリ", "Ångström \U0001F916 研究アプリ"},
		{"eighty characters", strings.Repeat("ä", 80), strings.Repeat("ä", 80), strings.Repeat("ä", 80)},
		{"one more", strings.Repeat("ä", 81), strings.Repeat("ä", 79) + "…", strings.Repeat("ä", 81)},
		{"nothing that remains", "\u2066\x1b \u2069", "client-1", ""},
	} {
		if got := appName(test.given, "client-1"); got != test.app {
			t.Errorf("%s, of an application: %q, want %q", test.name, got, test.app)
		}
		if got := plain(test.given); got != test.person {
			t.Errorf("%s, of a member: %q, want %q", test.name, got, test.person)
		}
	}
}
