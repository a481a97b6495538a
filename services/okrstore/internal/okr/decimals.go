package okr

import (
	"math/big"
	"strings"
)

// MaxDigits is how many digits a measured value has at most, before and after the point together.
const MaxDigits = 18

// A decimal is an exact value. Fractions of integers are used rather than a decimal library: the rules compare and
// divide, and a quotient of decimals is a fraction that no number of decimal digits holds.
type decimal struct{ *big.Rat }

// canonical is the form in which a decimal number is kept: as it was written, without needless zeros in front, and
// without the sign of a zero. Zeros after the point stay, because "12.50" says how exactly it was measured. It is false
// for what is no decimal number of at most [MaxDigits] digits.
func canonical(text string) (string, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	if !isDigits(whole) || pointed && !isDigits(fraction) || len(whole)+len(fraction) > MaxDigits {
		return "", false
	}
	whole = strings.TrimLeft(whole[:len(whole)-1], "0") + whole[len(whole)-1:]
	if negative && strings.Trim(whole+fraction, "0") != "" {
		whole = "-" + whole
	}
	if pointed {
		whole += "." + fraction
	}
	return whole, true
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// parseDecimal reads a decimal number. What is none is 0, which only damage in the store leads to: everything else is
// checked before it is kept.
func parseDecimal(text string) decimal {
	if form, ok := canonical(text); ok {
		if r, ok := new(big.Rat).SetString(form); ok {
			return decimal{r}
		}
	}
	return decimal{new(big.Rat)}
}

// sameValue reports whether two decimal numbers are equal, however they are written.
func sameValue(a, b string) bool {
	return a == b || parseDecimal(a).Cmp(parseDecimal(b).Rat) == 0
}

// percentOfWay is how much of the way from start to target lies behind current, in percent: clamped to 0 to 100, rounded
// half up, and 100 only when the target is reached. The way may lead up or down. Where there is no way, which no valid
// key result has, it is 0.
func percentOfWay(start, current, target decimal) int32 {
	way := new(big.Rat).Sub(target.Rat, start.Rat)
	if way.Sign() == 0 {
		return 0
	}
	share := new(big.Rat).Sub(current.Rat, start.Rat)
	share.Quo(share, way)
	switch {
	case share.Sign() <= 0:
		return 0
	case share.Cmp(big.NewRat(1, 1)) >= 0:
		return MaxAttainment
	}
	share.Mul(share, big.NewRat(MaxAttainment, 1))
	share.Add(share, big.NewRat(1, 2))
	percent := new(big.Int).Quo(share.Num(), share.Denom()).Int64()
	return min(int32(percent), MaxAttainment-1)
}

// roundedMean is a sum of weighted percentages over the sum of their weights, rounded half up.
func roundedMean(sum, weights int64) int32 {
	return int32((2*sum + weights) / (2 * weights))
}
