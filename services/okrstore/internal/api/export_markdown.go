package api

import (
	"bytes"
	"fmt"
	"strings"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// markdownWriter writes for people: a heading for each objective, a list of key results, and below them their check-ins.
type markdownWriter struct{}

func (markdownWriter) begin(b *bytes.Buffer) error {
	b.WriteString("# Objectives and key results\n")
	return nil
}

func (markdownWriter) objective(b *bytes.Buffer, o *okrv1.Objective, _ bool) error {
	fmt.Fprintf(b, "\n## %s\n\n", markdownLine(o.GetTitle()))
	facts := []string{"`" + o.GetId() + "`", strings.ToLower(okr.StateName(o.GetState()))}
	for _, fact := range []struct{ name, value string }{
		{"cycle", o.GetCycle()},
		{"from", o.GetStartDate()},
		{"to", o.GetDueDate()},
		{"owner", o.GetOwnerId()},
		{"below", o.GetParentId()},
		{"score", o.GetScore()},
	} {
		if fact.value != "" {
			facts = append(facts, fact.name+" "+markdownLine(fact.value))
		}
	}
	fmt.Fprintf(b, "%s\n", strings.Join(facts, " · "))
	for _, text := range []string{o.GetDescription(), o.GetClosingNote()} {
		if text != "" {
			fmt.Fprintf(b, "\n%s\n", markdownQuote(text, ""))
		}
	}
	b.WriteByte('\n')
	return nil
}

func (markdownWriter) keyResult(b *bytes.Buffer, _ *okrv1.Objective, k *okrv1.KeyResult, _ bool) error {
	unit := ""
	switch {
	case k.GetFormat() == okrv1.ValueFormat_VALUE_FORMAT_PERCENT:
		unit = "%"
	case k.GetUnit() != "":
		unit = " " + markdownLine(k.GetUnit())
	}
	way := fmt.Sprintf("%s%s of %s%s, from %s%s", k.GetCurrentValue(), unit, k.GetTargetValue(), unit, k.GetStartValue(), unit)
	if k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE {
		way = map[string]string{"100": "done"}[k.GetCurrentValue()]
		if way == "" {
			way = "not done"
		}
	}
	fmt.Fprintf(b, "- **%s**: %s (`%s`)\n", markdownLine(k.GetTitle()), way, k.GetId())
	return nil
}

func (markdownWriter) checkIn(b *bytes.Buffer, _ *okrv1.KeyResult, c *okrv1.CheckIn, _ bool) error {
	parts := []string{c.GetCreateTime().AsTime().Format("2006-01-02"), c.GetValue()}
	if c.GetConfidence() != okrv1.Confidence_CONFIDENCE_UNSPECIFIED {
		name := strings.TrimPrefix(c.GetConfidence().String(), "CONFIDENCE_")
		parts = append(parts, strings.ReplaceAll(strings.ToLower(name), "_", " "))
	}
	if name := c.GetAuthor().GetDisplayName(); name != "" {
		parts = append(parts, markdownLine(name))
	}
	fmt.Fprintf(b, "  - %s\n", strings.Join(parts, " · "))
	if c.GetNote() != "" {
		fmt.Fprintf(b, "\n%s\n\n", markdownQuote(c.GetNote(), "    "))
	}
	for _, e := range c.GetEvidence() {
		fmt.Fprintf(b, "    - %s %s\n", markdownLine(e.GetUrl()), markdownLine(e.GetObservedValue()))
	}
	return nil
}

func (markdownWriter) endKeyResult(*bytes.Buffer) {}

func (markdownWriter) endObjective(*bytes.Buffer) {}

func (markdownWriter) end(b *bytes.Buffer, head *okrv1.ChangeLogHead) error {
	fmt.Fprintf(b, "\nChange log: %d changes, hash `%s`\n", head.GetSeq(), head.GetHash())
	return nil
}

// markdownLine writes a line of text so that nothing in it is taken for markup: no link, no picture, no HTML.
func markdownLine(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case strings.ContainsRune("\\`*_{}[]<>()#+-.!|~&", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// markdownQuote writes a text of several lines as a quotation.
func markdownQuote(text, indent string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(indent+"> "+markdownLine(line), " ")
	}
	return strings.Join(lines, "\n")
}
