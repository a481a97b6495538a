package engine

import "context"

// Prompt is a text that a person asks for by its name, to begin a conversation with.
type Prompt struct {
	Name, Title, Description string
	Arguments                []PromptArgument
	// Visible says whether a caller is shown the prompt; nil means always.
	Visible func(context.Context) bool
	// Get answers the prompt. Its errors are those of Tool.Call.
	Get func(context.Context, *PromptCall) (*PromptResult, error)
}

// PromptArgument is one argument of a prompt. Its value is always a text.
type PromptArgument struct {
	Name, Title, Description string
	Required                 bool
	// Complete answers values that begin with prefix, as Template.Complete does.
	Complete func(ctx context.Context, prefix string) (values []string, more bool, err error)
}

// PromptCall is one request for a prompt.
type PromptCall struct {
	// Arguments has every required argument and no undeclared one.
	Arguments map[string]string
	*Exchange
}

// PromptResult is the conversation's beginning.
type PromptResult struct {
	Description string
	Messages    []Message
}

// Message is what one side says. Role is "user" or "assistant".
type Message struct {
	Role    string  `json:"role"`
	Content Content `json:"content"`
}
