package conformance

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
)

// form asks for one field.
func form(key, message, field, kind string) engine.Question {
	schema := fmt.Sprintf(`{"type":"object","properties":{%q:{"type":%q}},"required":[%q]}`, field, kind, field)
	return engine.Form{Message: message, Schema: json.RawMessage(schema)}.Question(key)
}

// sample asks the client's model.
func sample(key, prompt string, maxTokens int) engine.Question {
	return engine.Question{Key: key, Method: "sampling/createMessage", Params: map[string]any{
		"messages":  []engine.Message{{Role: "user", Content: engine.Text(prompt)}},
		"maxTokens": maxTokens,
	}}
}

// roots asks for the client's folders.
func roots(key string) engine.Question {
	return engine.Question{Key: key, Method: "roots/list", Params: struct{}{}}
}

// asking is a tool that asks and says what it heard.
func asking(name string, questions ...engine.Question) engine.Tool {
	return tool(name, empty, func(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
		answers, err := call.Ask(ctx, questions...)
		if err != nil {
			return nil, err
		}
		return text(fmt.Sprintf("Heard: %s", answers)), nil
	})
}

// elicited is a tool that shows a form and says what became of it.
func elicited(name, input string, form func(arguments json.RawMessage) engine.Form, format string) engine.Tool {
	return tool(name, input, func(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
		answer, err := call.Elicit(ctx, "form", form(call.Arguments))
		if err != nil {
			return nil, err
		}
		return text(fmt.Sprintf(format, answer.Action, answer.Content)), nil
	})
}

// fixed is a form that does not depend on arguments.
func fixed(message, schema string) func(json.RawMessage) engine.Form {
	return func(json.RawMessage) engine.Form {
		return engine.Form{Message: message, Schema: json.RawMessage(schema)}
	}
}

// questions are the tools that ask their caller something.
func questions() []engine.Tool {
	const completed = "Elicitation completed: action=%s, content=%s"
	name := form("user_name", "What is your name?", "name", "string")
	confirm := form("confirm", "Please confirm", "ok", "boolean")
	return []engine.Tool{
		asking("test_missing_capability", sample("sample", "Anything", 10)),
		asking("test_streaming_elicitation", name),
		asking("test_input_required_result_elicitation", name),
		asking("test_input_required_result_sampling", sample("capital_question", "What is the capital of France?", 100)),
		asking("test_input_required_result_list_roots", roots("client_roots")),
		asking("test_input_required_result_multiple_inputs",
			name, sample("greeting", "Generate a greeting", 50), roots("client_roots")),
		asking("test_input_required_result_tampered_state", confirm),
		tool("test_input_required_result_request_state", empty, remembering(confirm)),
		tool("test_input_required_result_multi_round", empty, rounds),
		tool("test_input_required_result_capabilities", empty, whatCanBe(name, sample("sample", "Say hello", 50))),
		tool("test_sampling", `{"type":"object","properties":{"prompt":{"type":"string"}},"required":["prompt"]}`, sampling),
		elicited("test_elicitation",
			`{"type":"object","properties":{"message":{"type":"string"}},"required":["message"]}`, contact,
			"User response: action: %s, content: %s"),
		elicited("test_elicitation_sep1034_defaults", empty, fixed("Please check the defaults.", defaults), completed),
		elicited("test_elicitation_sep1330_enums", empty, fixed("Please choose.", enums), completed),
	}
}

// remembering is a tool that keeps something between its rounds.
func remembering(question engine.Question) func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
	return func(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
		kept := string(call.Kept())
		call.Keep([]byte("ok"))
		if _, err := call.Ask(ctx, question); err != nil {
			return nil, err
		}
		return text("state-" + kept), nil
	}
}

// rounds asks one thing after another.
func rounds(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
	first, err := call.Ask(ctx, form("step1", "Step 1: What is your name?", "name", "string"))
	if err != nil {
		return nil, err
	}
	second, err := call.Ask(ctx, form("step2", "Step 2: What is your favorite color?", "color", "string"))
	if err != nil {
		return nil, err
	}
	return text(fmt.Sprintf("Heard: %s, %s", first, second)), nil
}

// whatCanBe asks those of the questions that the client can be asked.
func whatCanBe(questions ...engine.Question) func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
	return func(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
		var possible []engine.Question
		for _, question := range questions {
			if call.Can(question.Method) {
				possible = append(possible, question)
			}
		}
		answers, err := call.Ask(ctx, possible...)
		if err != nil {
			return nil, err
		}
		return text(fmt.Sprintf("Heard: %s", answers)), nil
	}
}

func sampling(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
	var arguments struct {
		Prompt string `json:"prompt"`
	}
	if err := json.Unmarshal(call.Arguments, &arguments); err != nil {
		return nil, err
	}
	answers, err := call.Ask(ctx, sample("sample", arguments.Prompt, 100))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Content struct {
			Text string `json:"text"`
		} `json:"content"`
	}
	if err := json.Unmarshal(answers[0], &answer); err != nil {
		return engine.Failure("The answer cannot be read."), nil //nolint:nilerr // the fixture shows the failure to the model
	}
	return text("LLM response: " + answer.Content.Text), nil
}

// contact is the form that asks for a name and an address.
func contact(arguments json.RawMessage) engine.Form {
	var given struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(arguments, &given); err != nil {
		panic(err) // the schema was satisfied
	}
	return engine.Form{Message: given.Message, Schema: json.RawMessage(`{
		"type": "object",
		"properties": {
			"username": {"type": "string", "description": "User's response"},
			"email": {"type": "string", "description": "User's email address"}
		},
		"required": ["username", "email"]
	}`)}
}

// defaults has a default of every simple type (SEP-1034).
const defaults = `{
  "type": "object",
  "properties": {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": true}
  }
}`

// enums has every form of a choice (SEP-1330).
const enums = `{
  "type": "object",
  "properties": {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {"type": "string", "oneOf": [
      {"const": "value1", "title": "First Option"},
      {"const": "value2", "title": "Second Option"},
      {"const": "value3", "title": "Third Option"}
    ]},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
    "titledMulti": {"type": "array", "items": {"anyOf": [
      {"const": "value1", "title": "First Choice"},
      {"const": "value2", "title": "Second Choice"},
      {"const": "value3", "title": "Third Choice"}
    ]}}
  }
}`
