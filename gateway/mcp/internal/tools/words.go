package tools

import (
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// spell is the value of an enum of the contract as tools write it: CONFIDENCE_AT_RISK is "atRisk". It is "" for the value
// that says nothing.
func spell(value protoreflect.Enum) string {
	if value.Number() == 0 {
		return ""
	}
	if word, ok := spelled.Load(value); ok {
		return word.(string) //nolint:forcetypeassert // what is stored below
	}
	values := value.Descriptor().Values()
	one := values.ByNumber(value.Number())
	if one == nil { // of a later version of the contract
		return "unknown"
	}
	prefix := strings.TrimSuffix(string(values.ByNumber(0).Name()), "UNSPECIFIED")
	word := camel(strings.ToLower(strings.TrimPrefix(string(one.Name()), prefix)))
	spelled.Store(value, word)
	return word
}

// spelled remembers the word of each value that the contract names: a page of key results has many of the same.
var spelled sync.Map

// read is the value that spell writes in this way, and 0 if there is none.
func read[E interface {
	~int32
	protoreflect.Enum
}](text string) E {
	var none E
	values := none.Descriptor().Values()
	for i := range values.Len() {
		if value := E(values.Get(i).Number()); spell(value) == text {
			return value
		}
	}
	return none
}

// enumSchema is a property that takes one of an enum's values.
func enumSchema(name, description string, of protoreflect.Enum) string {
	return `"` + name + `":{"type":"string","description":"` + description + `","enum":["` + strings.Join(spellings(of), `","`) + `"]}`
}

func spellings(of protoreflect.Enum) []string {
	var words []string
	values := of.Descriptor().Values()
	for i := range values.Len() {
		if number := values.Get(i).Number(); number != 0 {
			words = append(words, spell(of.Type().New(number)))
		}
	}
	return words
}

// camel writes a name of the contract as tools do: start_value is startValue.
func camel(name string) string {
	var out strings.Builder
	for i, part := range strings.Split(name, "_") {
		if i > 0 && part != "" {
			part = strings.ToUpper(part[:1]) + part[1:]
		}
		out.WriteString(part)
	}
	return out.String()
}

// camelWords is camel for the names in a sentence.
func camelWords(sentence string) string {
	words := strings.Split(sentence, " ")
	for i, word := range words {
		if word == strings.ToLower(word) {
			words[i] = camel(word)
		}
	}
	return strings.Join(words, " ")
}
