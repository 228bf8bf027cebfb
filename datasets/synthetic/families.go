package synthetic

import "slices"

// families are all textures, in their default order.
var families = []family{
	{"woven", 60, woven},
	{"knurled", 84, knurled},
	{"wood", 100, wood},
	{"cast", 48, cast},
	{"brushed", 78, brushed},
	{"terrazzo", 54, terrazzo},
	{"lacquer", 36, lacquer},
	{"printed", 90, printed},
	{"honeycomb", 40, honeycomb},
	{"ribbed", 66, ribbed},
	{"leather", 72, leather},
	{"tread", 44, tread},
}

// familyOf finds a family that validate has accepted.
func familyOf(name string) family {
	return families[slices.IndexFunc(families, func(f family) bool { return f.name == name })]
}
