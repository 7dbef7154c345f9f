package film

// Base is what an asset's renditions are cut from: pictures and sound of a part of its film in the vault, or what was
// encoded from that part because its own cannot be cut, or not be played everywhere. The zero Base is the master as it
// is; [Asset.BasePart] names its part.
type Base struct {
	// Part is the part of the film, as the vault names it; empty: that of the master.
	Part string `json:",omitempty"`
	// EncodedVideo: the pictures are those of the artifact [KindBase] of Part.
	EncodedVideo bool `json:",omitempty"`
	// EncodedSound: the sound is that of the artifact [KindSound] of Part.
	EncodedSound bool `json:",omitempty"`
}

// The kinds of artifacts that a base may consist of. Both are dear, and kept until the film is deleted.
const (
	// KindBase is a film of pictures alone, in closed groups of two seconds: an MP4.
	KindBase = "base"
	// KindSound is the primary sound as stereo AAC-LC: an MP4.
	KindSound = "sound"
	// KindChunk is a stretch of an encoding that is not finished yet.
	KindChunk = "chunk"
)

// The parts of a film in the vault.
const (
	PartSource = "source"
	PartMaster = "master"
)

// BasePart is the part of the film that the base is, or is encoded from.
func (a Asset) BasePart() string {
	switch {
	case a.Base.Part != "":
		return a.Base.Part
	case a.Master.Kind == MasterSource:
		return PartSource
	default:
		return PartMaster
	}
}
