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
	if len(text) <= limit && isClean(text) {
		return text
	}
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

// isClean recognizes the most frequent of the texts in which nothing is to be cleaned: words of ASCII with one space
// between them.
func isClean(text string) bool {
	space := true // none at the beginning
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ' || c > '~', c == ' ' && space:
			return false
		default:
			space = c == ' '
		}
	}
	return !space
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
func quote(text string, limit int) string { return string(appendQuoted(nil, text, limit)) }

// appendQuoted appends what quote is.
func appendQuoted(out []byte, text string, limit int) []byte {
	text = clean(text, limit)
	if strings.ContainsAny(text, `\"`) {
		text = strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"`, `\"`)
	}
	return append(append(append(out, '"'), text...), '"')
}
