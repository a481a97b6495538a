package tools

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxQuoted is how many characters of somebody's text a sentence of ours quotes.
const maxQuoted = 60

// clean makes a text fit for a sentence: one line, nothing that is not seen, at most max characters. Characters without a
// shape of their own (controls, marks of direction, tags) become spaces: they could hide words or turn the rest of the
// line around. The joiners stay, without which some scripts and emoji fall apart.
func clean(text string, limit int) string {
	var out strings.Builder
	space := false
	count := 0
	for _, c := range text {
		if isHidden(c) {
			space = count > 0
			continue
		}
		if space {
			count++
		}
		if count >= limit {
			return out.String() + "…"
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		out.WriteRune(c)
		count++
	}
	return out.String()
}

const (
	zeroWidthNonJoiner = 0x200c
	zeroWidthJoiner    = 0x200d
)

func isHidden(c rune) bool {
	switch {
	case c == zeroWidthNonJoiner, c == zeroWidthJoiner:
		return false
	case c == utf8.RuneError, unicode.IsSpace(c):
		return true
	}
	return !unicode.IsPrint(c)
}

// quote is clean between quotation marks that the text cannot close.
func quote(text string, limit int) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(text, limit)) + `"`
}
