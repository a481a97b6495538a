package engine

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// pattern matches the URIs of a template of RFC 6570 level 1.
type pattern struct {
	match *regexp.Regexp
	vars  []string
}

func newPattern(template string) (*pattern, error) {
	p := &pattern{}
	var expression strings.Builder
	expression.WriteString("^")
	rest := template
	for {
		literal, after, found := strings.Cut(rest, "{")
		expression.WriteString(regexp.QuoteMeta(literal))
		if !found {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		if !closed || name == "" || strings.ContainsFunc(name, func(r rune) bool { return !letter(r) }) {
			return nil, fmt.Errorf("%q is no URI template of level 1 (RFC 6570)", template)
		}
		expression.WriteString("([^/?#]+)")
		p.vars = append(p.vars, name)
		rest = after
	}
	if len(p.vars) == 0 {
		return nil, fmt.Errorf("the URI template %q has no variables", template)
	}
	expression.WriteString("$")
	match, err := regexp.Compile(expression.String())
	if err != nil {
		return nil, fmt.Errorf("reading the URI template %q: %w", template, err)
	}
	p.match = match
	return p, nil
}

// letter says whether a character may stand in a variable's name.
func letter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
}

// values are the decoded values in a URI; false if the URI is not of the template.
func (p *pattern) values(uri string) (map[string]string, bool) {
	found := p.match.FindStringSubmatch(uri)
	if found == nil {
		return nil, false
	}
	values := make(map[string]string, len(p.vars))
	for i, name := range p.vars {
		value, err := url.PathUnescape(found[i+1])
		if err != nil {
			return nil, false
		}
		values[name] = value
	}
	return values, true
}
