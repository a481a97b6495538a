package stytch

import (
	"strings"
	"unicode"
)

// maxAppName bounds the name of an application, in characters.
const maxAppName = 80

// appName is the name of an application as text that cannot disturb what stands beside it, on a page, in a terminal or in
// what an agent reads: on one line, with no control characters, nothing that changes the direction of writing and nothing
// that cannot be seen. Applications register themselves, and may call themselves anything. One that has no name left is
// called by its id.
func appName(name, clientID string) string {
	runes := []rune(oneLine(name, func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
	}))
	if len(runes) > maxAppName {
		runes = append(runes[:maxAppName-1], '…')
	}
	if len(runes) == 0 {
		return clientID
	}
	return string(runes)
}

// plain is the name of a member or an organization on one line, without control characters and without what changes the
// direction of writing. A provider of identities may have others than we let members write. What joins letters stays.
func plain(name string) string {
	return oneLine(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) })
}

// oneLine makes one space of each space, line breaks among them, and leaves out what is unwanted of the rest.
func oneLine(name string, unwanted func(rune) bool) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unwanted(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))), " ")
}
