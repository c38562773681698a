#!/usr/bin/env bash
# Prints what each list with each of its filters, and each dear read, costs a tenant with many rows beside a tenant with
# few, on SQLite and, with a PostgreSQL, there too. A cost that grows to more than 1.5 times is a failure.
#
#   bench/growth.sh                            # SQLite
#   scripts/with-postgres bench/growth.sh      # SQLite and PostgreSQL
#
# FEW (500) and MANY (100,000) are the products, articles and orders of the two tenants. Both are in one database and are
# asked in turn, by 4 connections, in SLICES (3) slices of SECONDS_EACH (1) s; the median counts. CPU is that of the server
# and of all processes of PostgreSQL. BINARY names a release binary that is there already. Needs wrk, curl, awk.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
FLOOR=/dev/null
source bench/load.sh

few=${FEW:-500}
many=${MANY:-100000}
seconds=${SECONDS_EACH:-1}
slices=${SLICES:-3}

work=$(mktemp -d "${TMPDIR:-/tmp}/rustok-growth.XXXXXX")
server=''
stop() { if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; server=''; fi; }
finish() { stop; rm -rf "$work"; }
trap finish EXIT
set -E
trap 'echo "growth: line $LINENO failed" >&2' ERR
cd "$work"
export RUSTOK_LISTEN=127.0.0.1:18080 RUSTOK_MANAGEMENT_LISTEN=127.0.0.1:18081 RUSTOK_LOG=warn
ours=http://127.0.0.1:18080

# A tenant with $2 products, articles and orders. Each second thing has the common word, term, vendor or state; the rare
# ones stand at one thing in the middle, where a walk from either end finds it last.
fill_tenant() {
    local tenant=$1 rows=$2
    "$binary" tenant create "$tenant" --name "$tenant" >/dev/null
    "$binary" token create --tenant "$tenant" --role admin >"$tenant.token"
    awk -v rows="$rows" 'BEGIN {
        print "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Status,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price"
        for (p = 1; p <= rows; p++) {
            middle = p == int(rows / 2)
            printf "product-%d,%s Product %d%s,<p>Text</p>,%s,Things,bench,true,%s,Size,one,SKU-%d,shopify,1000000,deny,10.50\n", \
                p, p % 2 ? "Even" : "Odd", p, middle ? " Unicorn" : "", middle ? "Rarity" : p % 2 ? "Bench" : "Other", \
                p % 2 ? "active" : "draft", p
        }
    }' >products.csv
    "$binary" import shopify products.csv --tenant "$tenant" >/dev/null
    awk -v rows="$rows" 'BEGIN {
        print "<?xml version=\"1.0\"?><rss xmlns:wp=\"http://wordpress.org/export/1.2/\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><channel><wp:wxr_version>1.2</wp:wxr_version>"
        for (n = 1; n <= rows; n++) {
            middle = n == int(rows / 2)
            terms = n % 2 ? "<category domain=\"post_tag\" nicename=\"common\">Common</category><category domain=\"category\" nicename=\"news\">News</category>" : ""
            if (middle) terms = terms "<category domain=\"post_tag\" nicename=\"rare\">Rare</category><category domain=\"category\" nicename=\"odd\">Odd</category>"
            printf "<item><title>%s Article %d%s</title><dc:creator>bench</dc:creator><content:encoded><![CDATA[<p>The quick brown fox.</p>]]></content:encoded><wp:post_id>%d</wp:post_id><wp:post_name>article-%d</wp:post_name><wp:post_date_gmt>2020-01-01 00:00:00</wp:post_date_gmt><wp:status>%s</wp:status><wp:post_type>%s</wp:post_type>%s</item>\n", \
                n % 2 ? "Even" : "Odd", n, middle ? " Unicorn" : "", n, n, n % 4 == 3 ? "draft" : "publish", middle ? "page" : "post", terms
        }
        print "</channel></rss>"
    }' >site.xml
    "$binary" import wordpress site.xml --tenant "$tenant" >/dev/null
    rm products.csv site.xml
}

# Orders come over HTTP, as they do from shops, each from another buyer, until there are so many.
place_orders() {
    local tenant=$1 rows=$2 placed=0
    cat >orders.lua <<LUA
local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
function init(args) n = tonumber(args[1]) end
function request()
    n = n + 1
    return wrk.format(nil, nil, nil, '{"email":"b' .. n .. '@example.com","currency":"USD","lines":[{"sku":"SKU-' .. (n % ($few / 2) * 2 + 1) .. '","quantity":1}]}')
end
LUA
    while [ "$placed" -lt "$rows" ]; do
        wrk -t1 -c16 -d2s -H "Host: $tenant.localhost:18080" -s orders.lua "$ours/api/store/v1/orders" -- "$placed" >wrk.txt
        if grep -q 'Non-2xx' wrk.txt; then cat wrk.txt >&2; exit 1; fi
        # Those that were under way when it ended count too: a buyer more or less does not matter.
        placed=$((placed + $(awk '/requests in/ {print $1}' wrk.txt) + 16))
    done
}

# What is asked: a name, and a path with its query. `A` is a read of the admin, `S` one of the storefront.
requests() {
    local today
    today=$(date -u +%Y-%m-%d)
    cat <<ROWS
S product /products/product-251
S article /nodes/article-249
S products /products?limit=20
S products_in_currency /products?limit=20&currency=EUR
S nodes /nodes?limit=20
S nodes_kind /nodes?kind=post
S nodes_kind_rare /nodes?kind=page
S nodes_kind_unknown /nodes?kind=recipe
S nodes_tag /nodes?tag=common
S nodes_tag_rare /nodes?tag=rare
S nodes_tag_unknown /nodes?tag=unknown
S nodes_category /nodes?category=news
S nodes_category_rare /nodes?category=odd
S nodes_category_unknown /nodes?category=unknown
S nodes_category_and_tag /nodes?category=odd&tag=common
S nodes_kind_and_tag /nodes?kind=page&tag=common
S nodes_bodies /nodes?include=body
A nodes /nodes
A nodes_q /nodes?q=even
A nodes_q_two /nodes?q=even+article
A nodes_q_rare /nodes?q=unicorn
A nodes_q_both /nodes?q=unicorn+article
A nodes_q_unknown /nodes?q=zebra
A nodes_q_letter /nodes?q=a
A nodes_status /nodes?status=draft
A nodes_status_none /nodes?status=archived
A nodes_kind_rare /nodes?kind=page
A nodes_kind_unknown /nodes?kind=recipe
A nodes_updated_after /nodes?updated_after=$today
A nodes_updated_before /nodes?updated_before=$today
A nodes_deleted /nodes?deleted=true
A nodes_q_and_status /nodes?q=odd&status=archived
A nodes_q_and_deleted /nodes?q=odd&deleted=true
A products /products
A products_q /products?q=even
A products_q_rare /products?q=unicorn
A products_q_both /products?q=unicorn+product
A products_q_unknown /products?q=zebra
A products_status /products?status=draft
A products_status_none /products?status=archived
A products_vendor /products?vendor=Bench
A products_vendor_rare /products?vendor=Rarity
A products_vendor_unknown /products?vendor=Nobody
A products_vendor_and_status /products?vendor=Rarity&status=active
A products_updated_after /products?updated_after=$today
A products_updated_before /products?updated_before=$today
A products_deleted /products?deleted=true
A orders /orders
A orders_number /orders?number=1200
A orders_status /orders?status=pending
A orders_status_none /orders?status=delivered
A orders_email /orders?email=b77@example.com
A orders_email_unknown /orders?email=nobody@example.com
A orders_created_after /orders?created_after=$today
A orders_created_before /orders?created_before=$today
A orders_email_and_status /orders?email=b77@example.com&status=delivered
A imports /imports
ROWS
}

# One slice of one request to one tenant; a line with its CPU in ms goes to `measured`.
slice_of() {
    local tenant=$1 name=$2 path=$3 auth=$4 before after
    before=$(($(ticks "$server") + $(database_ticks)))
    wrk -t1 -c4 -d"${seconds}s" -H "Host: $tenant.localhost:18080" ${auth:+-H "Authorization: Bearer $auth"} "$ours$path" >wrk.txt
    after=$(($(ticks "$server") + $(database_ticks)))
    if grep -q 'Non-2xx' wrk.txt; then echo "growth: $name: $(grep 'Non-2xx' wrk.txt)" >&2; failed=yes; fi
    awk -v prefix="$name $tenant" -v hz="$(getconf CLK_TCK)" -v cpu=$((after - before)) \
        '/requests in/ {printf "%s %.5f\n", prefix, cpu * 1000 / hz / $1}' wrk.txt >>measured
}

# The medians of both tenants, and by how much the cost grows.
table() {
    printf '%s\n%-28s | %9s | %9s | %s\n' "$1" 'request, ms CPU' "$few" "$many" 'times'
    sort -k1,1 -k2,2 -k3,3n measured | awk -v slices="$slices" '
        {place[$1, $2]++; if (place[$1, $2] == int((slices + 1) / 2)) median[$1, $2] = $3; names[$1]}
        END {
            for (name in names) {
                times = median[name, "large"] / median[name, "small"]
                if (times > 1.5) grown++
                printf "%-28s | %9.4f | %9.4f | %.2f%s\n", name, median[name, "small"], median[name, "large"], times, (times > 1.5 ? " NOT MET" : "")
            }
            exit grown > 0
        }' >rows || failed=yes
    sort rows
}

run() {
    local database=$1 slice kind name path
    fill_tenant small "$few"
    fill_tenant large "$many"
    "$binary" serve >server.log 2>&1 &
    server=$!
    await "$ours"
    # Not another server at this address.
    kill -0 "$server"
    place_orders small "$few"
    place_orders large "$many"
    # What was written settles: the log of SQLite is moved into its file, PostgreSQL knows how many rows there are.
    sleep 15
    rm -f measured
    for ((slice = 1; slice <= slices; slice++)); do
        while read -r kind name path; do
            for tenant in small large; do
                if [ "$kind" = A ]; then
                    slice_of "$tenant" "admin_$name" "/api/admin/v1$path" "$(cat "$tenant.token")"
                else
                    slice_of "$tenant" "store_$name" "/api/store/v1$path" ''
                fi
            done
        done < <(requests)
    done
    stop
    table "$database"
}

failed='' postmaster=none
export RUSTOK_DATABASE_URL="sqlite://$work/growth.db"
run SQLite
if [ -n "${RUSTOK_TEST_POSTGRES_URL:-}" ]; then
    export RUSTOK_DATABASE_URL=$RUSTOK_TEST_POSTGRES_URL
    postmaster=$(postmaster "$RUSTOK_TEST_POSTGRES_URL")
    run PostgreSQL
else
    echo 'PostgreSQL: run this as scripts/with-postgres bench/growth.sh'
fi
if [ -n "$failed" ]; then exit 1; fi
