#!/usr/bin/env bash
# Imports generated exports of 1,000 and 100,000 products of Shopify and as many posts of WordPress into fresh SQLite files
# with the release binary, and prints peak memory and rate of each. Memory must not grow with the file: more than
# GROWTH_LIMIT_KB is a failure. So are fewer than 3,000 products or 1,500 posts a second in the first run of the large file,
# and fewer than 25,000 in its second run, which changes nothing.
#
#   bench/import_memory.sh [SMALL] [LARGE]   how many items; 1000 and 100000 unless said otherwise
#   BINARY=path                              a release binary that is there already; otherwise one is built
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly SMALL=${1:-1000} LARGE=${2:-100000} GROWTH_LIMIT_KB=8192 UNCHANGED_RATE=25000

dir=$(mktemp -d "${TMPDIR:-/tmp}/rustok-import.XXXXXX")
trap 'rm -rf "$dir"' EXIT
rustok=${BINARY:-}
if [ -z "$rustok" ]; then
    cargo build --release --quiet --locked -p rustok-server
    rustok=${CARGO_TARGET_DIR:-target}/release/rustok
fi

# Every product has two variants, an image and a description of about 600 bytes, on two rows.
generate() {
    awk -v products="$1" 'BEGIN {
        print "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU," \
            "Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price," \
            "Image Src,Image Position,Status"
        for (n = 0; n < 20; n++) text = text "<p>A sturdy thing of <b>oak</b>.</p>"
        for (n = 1; n <= products; n++) {
            printf "thing-%d,Thing No. %d,%s,Maker %d,Thing,\"oak, brown\",true,Size,Small,T%dS,100,shopify,%d,deny," \
                "%d.95,https://shop.example/%d.jpg,1,active\n", n, n, text, n % 100, n, n % 50, n % 90 + 9, n
            printf "thing-%d,,,,,,,,Large,T%dL,150,shopify,%d,deny,%d.95,,,\n", n, n, n % 50, n % 90 + 19
        }
    }'
}

# Every post has a body of about 1,300 bytes in two paragraphs, an author, a category and a tag.
generate_posts() {
    awk -v posts="$1" 'BEGIN {
        print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
        print "<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" " \
            "xmlns:excerpt=\"http://wordpress.org/export/1.2/excerpt/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" " \
            "xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel><wp:wxr_version>1.2</wp:wxr_version>"
        print "<wp:base_blog_url>https://site.example</wp:base_blog_url>"
        for (n = 0; n < 20; n++) text = text "A walk along the <b>river</b> in spring. "
        for (n = 1; n <= posts; n++) {
            printf "<item><title>Walk No. %d</title><link>https://site.example/walk-%d/</link>", n, n
            printf "<dc:creator><![CDATA[writer-%d]]></dc:creator>", n % 20
            printf "<content:encoded><![CDATA[%s\n\n%s]]></content:encoded>", text, substr(text, 1, 500)
            printf "<excerpt:encoded><![CDATA[Short.]]></excerpt:encoded><wp:post_id>%d</wp:post_id>", n
            printf "<wp:post_date_gmt>2020-05-01 10:00:00</wp:post_date_gmt><wp:post_name>walk-%d</wp:post_name>", n
            printf "<wp:status>publish</wp:status><wp:post_type>post</wp:post_type>"
            printf "<category domain=\"category\" nicename=\"walks-%d\"><![CDATA[Walks %d]]></category>", n % 10, n % 10
            printf "<category domain=\"post_tag\" nicename=\"tag-%d\"><![CDATA[Tag %d]]></category></item>\n", n % 50, n % 50
        }
        print "</channel></rss>"
    }'
}

# The peak of a process that is still there: the kernel's own count.
watch_peak() {
    local pid=$1 peak=0 line
    while line=$(grep VmHWM "/proc/$pid/status" 2>/dev/null); do
        peak=${line//[!0-9]/}
        sleep 0.01
    done
    printf '%s\n' "$peak"
}

peak_kb=0
# import KIND COUNT: sets peak_kb and the rates of both runs.
import() {
    local kind=$1 products=$2 file=$dir/$1-$2.export start end pid
    local what=products
    [ "$kind" = shopify ] || what=posts
    export RUSTOK_DATABASE_URL=sqlite://$dir/$kind-$2.db
    case $kind in
        shopify) generate "$products" ;;
        wordpress) generate_posts "$products" ;;
    esac >"$file"
    "$rustok" tenant create shop1 --name 'Shop 1' >/dev/null
    for run in first second; do
        start=$(date +%s%N)
        "$rustok" import "$kind" "$file" --tenant shop1 --json >"$dir/report" &
        pid=$!
        peak_kb=$(watch_peak "$pid")
        wait "$pid"
        end=$(date +%s%N)
        rate=$((products * 1000000000 / (end - start)))
        printf '%7d %s, %s run: %6d KB peak, %6d/s, %s\n' "$products" "$what" "$run" "$peak_kb" "$rate" \
            "$(tr -d ' \n' <"$dir/report" | grep -oE '"(created|updated|unchanged|error_count)":[0-9]+' | paste -sd' ')"
        [ "$run" = second ] || { first_kb=$peak_kb && first_rate=$rate; }
    done
    printf '%7d %s: file %d KB, database %d KB\n' "$products" "$what" $(($(stat -c %s "$file") / 1024)) \
        $(($(stat -c %s "$dir/$kind-$2.db") / 1024))
    peak_kb=$first_kb
}

failed=0
# measure KIND LEAST: with the rate that the first run of the large file must have.
measure() {
    local small_kb grown_kb
    import "$1" "$SMALL"
    small_kb=$peak_kb
    import "$1" "$LARGE"
    grown_kb=$((peak_kb - small_kb))
    printf '%s: memory grew by %d KB (limit %d KB), %d/s (at least %d), unchanged %d/s (at least %d)\n' "$1" "$grown_kb" \
        "$GROWTH_LIMIT_KB" "$first_rate" "$2" "$rate" "$UNCHANGED_RATE"
    [ "$grown_kb" -le "$GROWTH_LIMIT_KB" ] && [ "$first_rate" -ge "$2" ] && [ "$rate" -ge "$UNCHANGED_RATE" ] || failed=1
}

measure shopify 3000
measure wordpress 1500
exit $failed
