package okr

import (
	"math/big"
	"strconv"
	"strings"
)

// MaxDigits is how many digits a measured value has at most, before and after the point together.
const MaxDigits = 18

// A decimal is an exact value: the number without its point, and how many of its digits stand after that. A decimal
// library would not help: the rules compare and divide, and a quotient of decimals is a fraction that no number of decimal
// digits holds.
type decimal struct {
	digits int64
	scale  int
}

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
	if _, ok := canonical(text); !ok {
		return decimal{}
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return decimal{}
	}
	return decimal{digits: digits, scale: len(fraction)}
}

// at is the number without its point, with so many digits after that, which must not be fewer than it has.
func (d decimal) at(scale int) *big.Int {
	factor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-d.scale)), nil)
	return factor.Mul(factor, big.NewInt(d.digits))
}

// sameValue reports whether two decimal numbers are equal, however they are written.
func sameValue(a, b string) bool {
	if a == b {
		return true
	}
	x, y := parseDecimal(a), parseDecimal(b)
	scale := max(x.scale, y.scale)
	return x.at(scale).Cmp(y.at(scale)) == 0
}

// percentOfWay is how much of the way from start to target lies behind current, in percent: clamped to 0 to 100, rounded
// half up, and 100 only when the target is reached. The way may lead up or down. Where there is no way, which no valid
// key result has, it is 0.
func percentOfWay(start, current, target decimal) int32 {
	scale := max(start.scale, current.scale, target.scale)
	from := start.at(scale)
	way, gone := target.at(scale), current.at(scale)
	way.Sub(way, from)
	gone.Sub(gone, from)
	if way.Sign() < 0 {
		way.Neg(way)
		gone.Neg(gone)
	}
	switch {
	case way.Sign() == 0, gone.Sign() <= 0:
		return 0
	case gone.Cmp(way) >= 0:
		return MaxAttainment
	}
	// (100 gone / way + 1/2), rounded down.
	gone.Mul(gone, big.NewInt(2*MaxAttainment))
	gone.Add(gone, way)
	percent := gone.Quo(gone, way.Lsh(way, 1)).Int64()
	return min(int32(percent), MaxAttainment-1)
}

// roundedMean is a sum of weighted percentages over the sum of their weights, rounded half up.
func roundedMean(sum, weights int64) int32 {
	return int32((2*sum + weights) / (2 * weights))
}
