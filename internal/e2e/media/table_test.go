package media

import "filmcan/internal/filmtest/oracle"

// What becomes of a film's bytes.
const (
	source   = "source"   // the master is what came
	composed = "composed" // … under another head
	copied   = "copied"   // a made master, by stream copy
	made     = "made"     // a made master, with something encoded
)

// row says what is expected of a film.
type row struct {
	master string
	// reasons are the keys of non_standard_input_reasons, sorted, with spaces between them.
	reasons string
	// shape is the aspect ratio, 16:9 if empty; tier the resolution tier, 720p if empty.
	shape, tier string
	// most is the max_resolution_tier that is asked for, 1080p if empty.
	most string
	// sizes are those of the renditions in their order; if empty, the first is of the film's size, and the others are not looked at.
	sizes string
	// encoded: no rendition is passed through, because key frames lie too far apart.
	encoded bool
	// color is the tolerance of colours, FaithfulColor if 0; 0 with hues.
	color int
	// hues: it has a high range, only hues are judged.
	hues bool
	// clock is how exact the times of the input are, in seconds.
	clock float64
	// lead is by how much the pictures may begin after the film, because sound's decoder has a lead; in seconds.
	lead float64
	// delay is by how much the sound comes late in the film itself; lost, that its first beep is not in it.
	delay float64
	lost  bool
	// quick: it is in the quick part.
	quick bool
}

const (
	millisecond = 0.00051 // a clock of milliseconds, rounded
	packet      = 0.03    // the lead of a packet of sound
)

var rows = map[string]row{
	"standard":            {master: source, quick: true},
	"standard fast start": {master: source},
	"ladder":              {master: source},
	"groups of 8 s":       {master: source, quick: true},
	"23.976":              {master: source, quick: true},
	"variable rate":       {master: source},
	"fragmented":          {master: source, lead: 0.067, delay: 0.0213},
	"mov":                 {master: composed},
	"hevc":                {master: source, quick: true},
	"hevc 10 bits":        {master: source},
	"hdr10":               {master: source, hues: true},
	"hlg":                 {master: source, hues: true},
	"120 fps":             {master: source},
	"no edit lists":       {master: source, lead: 0.067, delay: 0.0213},
	"late sound":          {master: source},
	"late pictures":       {master: source},
	"no sound":            {master: source},
	"mono":                {master: source},

	"groups of 21 s":                 {master: source, reasons: "video_gop_size"},
	"groups of 12 s":                 {master: source, encoded: true, sizes: "480x270 640x360", quick: true},
	"slide show":                     {master: source, reasons: "video_frame_rate video_gop_size", encoded: true, sizes: "480x270 640x360"},
	"open groups":                    {master: source, reasons: "unexpected_media_file_parameters", quick: true},
	"interlaced, top first":          {master: source, reasons: "unexpected_media_file_parameters"},
	"interlaced, bottom first":       {master: source, reasons: "unexpected_media_file_parameters"},
	"hidden frames":                  {master: source, reasons: "audio_edit_list video_edit_list"},
	"two edits":                      {master: source, reasons: "audio_edit_list video_edit_list"},
	"edits of an order of their own": {master: source, reasons: "audio_edit_list video_edit_list"},
	"turned 90":                      {master: source, shape: "9:16", quick: true},
	"turned 180":                     {master: source},
	"turned 270":                     {master: source, shape: "9:16"},
	"mirrored":                       {master: source},
	"upside down":                    {master: source},
	"phone":                          {master: composed, shape: "9:16"},
	"phone hevc":                     {master: source, shape: "9:16"},
	"wide pixels":                    {master: source, reasons: "pixel_aspect_ratio", shape: "64:27", sizes: "426x180"},
	"5.1":                            {master: source},
	"7.1":                            {master: source},

	"vp8":               {master: made, reasons: "audio_codec video_codec", clock: millisecond, lead: packet},
	"vp8 ladder":        {master: made, reasons: "audio_codec video_codec", clock: millisecond, lead: packet},
	"vp9":               {master: made, reasons: "audio_codec video_codec", clock: millisecond, lead: packet, quick: true},
	"av1":               {master: made, reasons: "video_codec"},
	"av1 svt":           {master: made, reasons: "audio_codec video_codec", clock: millisecond, lead: packet},
	"prores":            {master: made, reasons: "audio_codec video_codec"},
	"dnxhr":             {master: made, reasons: "audio_codec video_codec"},
	"mpeg-2 ts":         {master: made, reasons: "audio_codec video_codec", lead: packet},
	"mpeg-2 ps":         {master: made, reasons: "audio_codec video_codec", lead: packet},
	"mpeg-2 interlaced": {master: made, reasons: "audio_codec video_codec", lead: packet},
	"mpeg-4 avi":        {master: made, reasons: "audio_codec video_codec", lead: 0.034},
	"packed b-frames":   {master: made, reasons: "audio_codec video_codec", lead: 0.041},
	"mpeg-2 mxf":        {master: made, reasons: "audio_codec video_codec"},
	"dnxhr mxf":         {master: made, reasons: "audio_codec video_codec"},
	"3gp":               {master: made, reasons: "video_codec"},
	"h263 3gp":          {master: made, reasons: "video_codec", shape: "11:9"},
	"h264 3gp":          {master: source},
	"mjpeg":             {master: made, reasons: "audio_codec video_codec", lead: packet},
	"wmv":               {master: made, reasons: "audio_codec video_codec", clock: millisecond, lead: 0.047, lost: true, color: oracle.RoughColor},
	"theora":            {master: made, reasons: "audio_codec video_codec", lead: packet},
	"gif":               {master: made, reasons: "video_codec", color: oracle.RoughColor},
	"h264 10 bits":      {master: made, reasons: "unsupported_pixel_format"},
	"h264 4:2:2":        {master: made, reasons: "unsupported_pixel_format"},
	"odd size":          {master: made, reasons: "video_codec", shape: "71:40", sizes: "852x480 640x360 480x270"},
	"odd lines":         {master: made, reasons: "audio_codec video_codec", lead: packet, shape: "71:40", sizes: "426x240"},
	"5.1 ac3":           {master: made, reasons: "audio_codec", clock: millisecond, lead: packet},
	"dts mkv":           {master: made, reasons: "audio_codec", clock: millisecond, lead: packet},
	"dts mov":           {master: made, reasons: "audio_codec", delay: 0.0121},
	"5.1 dts":           {master: made, reasons: "audio_codec", clock: millisecond, lead: packet},
	"bare h264":         {master: made, reasons: "unexpected_media_file_parameters"},
	"bare hevc":         {master: made, reasons: "unexpected_media_file_parameters"},
	"bare mpeg-2":       {master: made, reasons: "video_codec"},
	"flac":              {master: made, reasons: "audio_codec", clock: millisecond, lead: packet},
	"opus mkv":          {master: made, reasons: "audio_codec", clock: millisecond, lead: packet},
	"mp3 in mp4":        {master: made, reasons: "audio_codec"},
	"vfr vp9":           {master: made, reasons: "audio_codec video_codec", clock: millisecond, lead: packet},
	"before zero":       {master: made, reasons: "audio_codec video_codec", lead: packet},
	"wrap":              {master: made, reasons: "audio_codec video_codec", lead: packet},
	"late pictures mkv": {master: made, reasons: "audio_codec video_codec", clock: millisecond, lead: packet},
	"late sound mkv":    {master: made, reasons: "audio_codec video_codec", clock: millisecond, lead: packet},

	"above 1080p":           {master: made, reasons: "video_bitrate video_resolution", tier: "1080p", sizes: "1920x1080 1280x720 854x480 640x360 480x270"},
	"above 1080p, portrait": {master: made, reasons: "video_bitrate video_resolution", tier: "1080p", shape: "9:16", sizes: "1080x1920 720x1280 480x854 360x640 270x480"},
	"above 1080p, wide":     {master: made, reasons: "video_resolution", tier: "1080p", shape: "12:5", clock: millisecond, sizes: "1920x800 1152x480 864x360 648x270"},
	"above 1440p":           {master: made, reasons: "video_bitrate video_resolution", most: "1440p", tier: "1440p", sizes: "2560x1440 1920x1080 1280x720 854x480 640x360 480x270"},
	"above 1440p, square":   {master: made, reasons: "video_codec video_resolution", most: "1440p", tier: "2160p", shape: "1:1", clock: millisecond, sizes: "2560x2560 2160x2160 1440x1440 1080x1080 720x720 480x480 360x360 270x270"},
	"above 2160p":           {master: made, reasons: "video_bitrate video_resolution", most: "2160p", tier: "2160p", sizes: "3840x2160 2560x1440 1920x1080 1280x720 854x480 640x360 480x270"},
	"within 2160p":          {master: source, most: "2160p", tier: "2160p", sizes: "3840x2160 2560x1440 1920x1080 1280x720 854x480 640x360 480x270"},

	"mkv":             {master: copied, clock: millisecond, lead: packet, quick: true},
	"ts":              {master: copied, lead: packet},
	"ts wrap":         {master: copied, lead: packet},
	"flv":             {master: copied, clock: millisecond, lead: packet},
	"two of each":     {master: copied, clock: millisecond, lead: packet},
	"two of each mp4": {master: source},
	"ts late sound":   {master: copied, lead: packet},

	"m4a":        {master: source, tier: "audio-only"},
	"wav":        {master: made, reasons: "audio_codec", tier: "audio-only"},
	"mp3":        {master: made, reasons: "audio_codec", tier: "audio-only"},
	"flac alone": {master: made, reasons: "audio_codec", tier: "audio-only"},
	"aiff":       {master: made, reasons: "audio_codec", tier: "audio-only"},
	"adts":       {master: copied, delay: 0.0213, tier: "audio-only"},
	"bare ac3":   {master: made, reasons: "audio_codec", tier: "audio-only"},
	"bare dts":   {master: made, reasons: "audio_codec", delay: 0.0121, tier: "audio-only"},
	"ogg":        {master: made, reasons: "audio_codec", tier: "audio-only"},

	"cut fast start": {master: made, reasons: "unexpected_media_file_parameters"},
	"cut mkv":        {master: copied, reasons: "unexpected_media_file_parameters", clock: millisecond, lead: packet},
	"cut ts":         {master: copied, lead: packet},
	"cut webm":       {master: made, reasons: "audio_codec unexpected_media_file_parameters video_codec", clock: millisecond, lead: packet},
}
