package web

import "testing"

func TestCommentsAreForReadersOfTheSource(t *testing.T) {
	for name, test := range map[string]struct{ module, want string }{
		"a comment on lines of its own": {"// About.\n  // More.\nf();\n", "f();\n"},
		"JSDoc before a function":       {"/**\n * Says.\n * @param {string} a\n */\nfunction f(a) {}\n", "\nfunction f(a) {}\n"},
		"JSDoc within a line":           {"const a = /** @type {any} */ (b);\n", "const a = (b);\n"},
		"two in a line":                 {"f(/** @type {A} */ (a), /** @type {B} */ (b));\n", "f((a), (b));\n"},
		"an address in a text":          {"const a = \"https://example.com\";\n", "const a = \"https://example.com\";\n"},
		"a comment behind code":         {"f(); // now\n", "f(); // now\n"},
		"a pattern of addresses":        {"const a = `**/api/*`;\n", "const a = `**/api/*`;\n"},
	} {
		if got := string(withoutComments([]byte(test.module))); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
