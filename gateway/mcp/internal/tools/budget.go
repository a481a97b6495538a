package tools

import "unicode/utf8"

const (
	// maxPage is how many tokens a page of listObjectives takes at most, text and structured content together, and some
	// less than 2,000: of texts without words, tokenizers count a few more than are estimated. A client shows its model one
	// of the two, as a rule.
	maxPage = 1850
	// lettersPerToken and mixedPerToken are how many characters of a word, and of a number or id, a token holds.
	lettersPerToken, mixedPerToken = 4, 2
)

// tokens estimates how many tokens a text is for a model, without knowing whose: four letters of a word are one, two
// characters of anything with a digit in it, every mark, every line break and every character beyond ASCII is one, and
// two beyond the basic plane; spaces are free. For English prose and JSON it comes out above what tokenizers count.
func tokens[T string | []byte](text T) int {
	total := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case kinds[c] != other:
			start, digits := i, false
			for ; i < len(text) && kinds[text[i]] != other; i++ {
				digits = digits || kinds[text[i]] == digit
			}
			per := lettersPerToken
			if digits {
				per = mixedPerToken
			}
			total += (i - start + per - 1) / per
		case c == ' ':
			i++
		case c < utf8.RuneSelf:
			total++
			i++
		default:
			r, size := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
			total++
			if r > 0xffff {
				total++
			}
			i += size
		}
	}
	return total
}

// kinds says of each byte whether it is part of a word, and whether as a digit.
var kinds = func() (all [256]kind) {
	for c := byte(0); c < utf8.RuneSelf; c++ {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			all[c] = letter
		case c >= '0' && c <= '9':
			all[c] = digit
		}
	}
	return all
}()

type kind byte

const (
	other kind = iota
	letter
	digit
)
