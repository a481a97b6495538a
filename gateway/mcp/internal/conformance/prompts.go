package conformance

import (
	"context"
	"fmt"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
)

// prompt is one whose messages depend on its arguments alone.
func prompt(name string, messages func(map[string]string) []engine.Content, arguments ...engine.PromptArgument) engine.Prompt {
	return engine.Prompt{
		Name: name, Description: "Fixture of the conformance suite.", Arguments: arguments,
		Get: func(_ context.Context, call *engine.PromptCall) (*engine.PromptResult, error) {
			result := &engine.PromptResult{}
			for _, content := range messages(call.Arguments) {
				result.Messages = append(result.Messages, engine.Message{Role: "user", Content: content})
			}
			return result, nil
		},
	}
}

// required is an argument. It completes to itself, which is enough to complete anything.
func required(name, description string) engine.PromptArgument {
	return engine.PromptArgument{
		Name: name, Description: description, Required: true,
		Complete: func(_ context.Context, prefix string) ([]string, bool, error) { return []string{prefix}, false, nil },
	}
}

func prompts() []engine.Prompt {
	return []engine.Prompt{
		prompt("test_simple_prompt", func(map[string]string) []engine.Content {
			return []engine.Content{engine.Text("This is a simple prompt for testing.")}
		}),
		prompt("test_prompt_with_arguments", func(a map[string]string) []engine.Content {
			return []engine.Content{engine.Text(fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", a["arg1"], a["arg2"]))}
		}, required("arg1", "First test argument"), required("arg2", "Second test argument")),
		prompt("test_prompt_with_embedded_resource", func(a map[string]string) []engine.Content {
			return []engine.Content{
				engine.Embed(engine.Contents{
					URI: a["resourceUri"], MIMEType: "text/plain", Text: "Embedded resource content for testing.",
				}),
				engine.Text("Please process the embedded resource above."),
			}
		}, required("resourceUri", "URI of the resource to embed")),
		prompt("test_prompt_with_image", func(map[string]string) []engine.Content {
			return []engine.Content{engine.Image(decode(pixel), "image/png"), engine.Text("Please analyze the image above.")}
		}),
		{
			Name: "test_input_required_result_prompt", Description: "Fixture of the conformance suite.",
			Get: func(ctx context.Context, call *engine.PromptCall) (*engine.PromptResult, error) {
				answers, err := call.Ask(ctx, form("user_context", "What context should the prompt use?", "context", "string"))
				if err != nil {
					return nil, err
				}
				return &engine.PromptResult{Messages: []engine.Message{
					{Role: "user", Content: engine.Text("The context is " + string(answers[0]))},
				}}, nil
			},
		},
	}
}
