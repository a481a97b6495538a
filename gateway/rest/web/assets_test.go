package web

import "testing"

func TestCommentsAndIndentationAreForReadersOfTheSource(t *testing.T) {
	for name, test := range map[string]struct{ kind, content, want string }{
		"a comment on lines of its own":    {".js", "// About.\n  // More.\nf();\n", "f();\n"},
		"JSDoc before a function":          {".js", "/**\n * Says.\n * @param {string} a\n */\nfunction f(a) {}\n", "\nfunction f(a) {}\n"},
		"JSDoc within a line":              {".js", "const a = /** @type {any} */ (b);\n", "const a = (b);\n"},
		"two in a line":                    {".js", "f(/** @type {A} */ (a), /** @type {B} */ (b));\n", "f((a), (b));\n"},
		"an address in a text":             {".js", "const a = \"https://example.com\";\n", "const a = \"https://example.com\";\n"},
		"a comment behind code":            {".js", "f(); // now\n", "f(); // now\n"},
		"a pattern of addresses":           {".js", "const a = `**/api/*`;\n", "const a = `**/api/*`;\n"},
		"indentation":                      {".js", "if (a) {\n  f(\"  b\");\n}\n", "if (a) {\nf(\"  b\");\n}\n"},
		"JSDoc that is indented":           {".js", "{\n  /** Says. */\n  f: 1,\n}\n", "{\n\nf: 1,\n}\n"},
		"comments of styles":               {".css", "/* About. */\na { b: c; } /* why\n */\n  d { e: f; }\n", "\na { b: c; } \nd { e: f; }\n"},
		"what is neither module nor style": {".svg", "<!-- a -->\n  <svg/>", "<!-- a -->\n  <svg/>"},
	} {
		if got := string(forMachines(test.kind, []byte(test.content))); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
