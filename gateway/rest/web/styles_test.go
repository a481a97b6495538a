package web

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	cssClass = regexp.MustCompile(`\.([a-z][\w-]*)`)
	// alone matches a class that is styled wherever it is.
	alone = regexp.MustCompile(`^\.([a-z][\w-]*)(?:[:\[].*)?$`)
	// apart are blocks without selectors of their own, and those for print and forced colours, which are for all there is.
	apart = regexp.MustCompile(`@(?:font-face|keyframes \w+|media (?:print|\(forced-colors: active\)))\s*\{(?:[^{}]|\{[^{}]*\})*\}`)
	block = regexp.MustCompile(`([^{}]+)\{[^{}]*\}`)
)

// shared are selectors of what another stylesheet styles by itself: of places that only the views of their own sheet have,
// or that are the same for all.
var shared = []string{
	".brand:has(+ nav)", `.cards[data-whole="true"] > li:nth-child(n + 20):nth-last-child(-n + 4)`, // of the frame and the list, wherever they are
	".card:has(> header > h2:focus-visible)",                          // of what has the keyboard's focus, wherever it is
	"dialog > .actions", "dialog form .actions", ".notice blockquote", // of all dialogs and notices
	".card > .actions",                                                                               // of proposals
	".cards + h2", ".summary + .card", ".views ul", ".views .button", ".views .button[aria-current]", // of the tree and the page of one objective
	".lead + *", "section.card > h3", "section.card > header", "section.card > header > h2:first-child", // objectives are no sections
}

// selectors reads the selectors of a stylesheet, each by itself.
func selectors(sheet string) []string {
	var found []string
	for _, match := range block.FindAllStringSubmatch(apart.ReplaceAllString(sheet, ""), -1) {
		text := match[1][strings.LastIndex(match[1], "{")+1:]
		depth, from := 0, 0
		for i, sign := range text + "," {
			switch {
			case sign == '(':
				depth++
			case sign == ')':
				depth--
			case sign == ',' && depth == 0:
				found = append(found, strings.TrimSpace(text[from:i]))
				from = i + 1
			}
		}
	}
	return found
}

// What one view brings along stays when somebody goes on to another one.
func TestAStylesheetLeavesAloneWhatAnotherOneStyles(t *testing.T) {
	names, err := assetFiles.ReadDir("assets/style")
	if err != nil {
		t.Fatal(err)
	}
	sheets, owners := map[string][]string{}, map[string]string{}
	for _, name := range names {
		content, err := assetFiles.ReadFile(path.Join("assets/style", name.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sheets[name.Name()] = selectors(string(forMachines(".css", content)))
		for _, selector := range sheets[name.Name()] {
			class := alone.FindStringSubmatch(selector)
			if class == nil || strings.Contains(selector, " ") {
				continue
			}
			if owner, ok := owners[class[1]]; ok && owner != name.Name() {
				t.Errorf("%s and %s both style .%s", owner, name.Name(), class[1])
			}
			owners[class[1]] = name.Name()
		}
	}
	var used []string
	for name, list := range sheets {
		for _, selector := range list {
			classes := cssClass.FindAllStringSubmatch(selector, -1)
			own := len(classes) == 0 || slices.ContainsFunc(classes, func(class []string) bool {
				owner, ok := owners[class[1]]
				return !ok || owner == name
			})
			if own {
				continue
			}
			used = append(used, selector)
			if !slices.Contains(shared, selector) {
				t.Errorf("%s: %s has no class of its own", name, selector)
			}
		}
	}
	for _, selector := range shared {
		if !slices.Contains(used, selector) {
			t.Errorf("%s is no exception", selector)
		}
	}
	if len(owners) < 100 {
		t.Errorf("only %d classes were found", len(owners))
	}
}
