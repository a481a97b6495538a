package mcp

import (
	"testing"

	"github.com/tiktoken-go/tokenizer"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/tools"
)

// count is how many tokens texts are for a model: as o200k_base counts them, or cl100k_base where that is more. Other
// models' tokenizers are not published; for English and JSON they come out near these.
func count(t *testing.T, texts ...string) int {
	t.Helper()
	most := 0
	for _, encoding := range []tokenizer.Encoding{tokenizer.O200kBase, tokenizer.Cl100kBase} {
		codec, err := tokenizer.Get(encoding)
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, text := range texts {
			n, err := codec.Count(text)
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		most = max(most, total)
	}
	return most
}

func TestTheTokenizerCountsAsItIsKnownTo(t *testing.T) {
	for text, want := range map[string]int{"": 0, "hello world": 2, "hello  world": 3} {
		if got := count(t, text); got != want {
			t.Errorf("%q is %d tokens, want %d", text, got, want)
		}
	}
}

// What a client puts into every conversation beside the tools.
func TestTheInstructionsAreShortAndNameThePrompts(t *testing.T) {
	if size := len(tools.Instructions); size > 1024 {
		t.Errorf("the instructions are %d bytes long", size)
	}
	w := start(t)
	for _, p := range w.prompts("all") {
		if !contains(tools.Instructions, p.Name) {
			t.Errorf("the instructions do not name %s", p.Name)
		}
	}
}

// A reply is read by the model that made the call, whether its client shows it the text or the structure, or both.
func TestAWriteIsAnsweredInFewTokens(t *testing.T) {
	w := start(t)
	for tool, call := range calls {
		if call.reads {
			continue
		}
		r := w.call("all", tool, call.arguments)
		if size := count(t, r.text(), string(r.Result.StructuredContent)); size > 150 || size == 0 || r.Result.IsError {
			t.Errorf("%s answers %d tokens: %s", tool, size, r.body)
		}
	}
}
