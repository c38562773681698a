# What the commands that drive a real server share; for `source`, in a script with `set -euo pipefail`.

for tool in wrk curl awk; do
    command -v "$tool" >/dev/null || { echo "${0##*/}: $tool is missing (Debian: apt-get install $tool)" >&2; exit 1; }
done

# The release binary: BINARY, or one that is built now. Likewise the program in bench/floor: FLOOR.
built=${CARGO_TARGET_DIR:-target}/release
if [ -z "${BINARY:-}" ]; then
    cargo build --release --locked --quiet -p rustok-server
    BINARY=$built/rustok
fi
if [ -z "${FLOOR:-}" ]; then
    cargo build --release --locked --quiet -p rustok-floor
    FLOOR=$built/rustok-floor
fi
binary=$(realpath "$BINARY")
floor=$(realpath "$FLOOR")

# One client asks for everything here.
export RUSTOK_RATE_LIMIT_ADDRESS_PER_MINUTE=0 RUSTOK_RATE_LIMIT_TOKEN_PER_MINUTE=0 RUSTOK_RATE_LIMIT_TENANT_PER_MINUTE=0

await() { until curl -sf -o /dev/null "$1/livez"; do sleep 0.005; done; }

# CPU of one process, in clock ticks.
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{print $12 + $13}'; }

# The process that listens for the PostgreSQL of a URL; nothing when it cannot be told from others.
postmaster() {
    local port=${1##*:} dir
    port=${port%%/*}
    for dir in /proc/[0-9]*; do
        if tr '\0' ' ' 2>/dev/null <"$dir/cmdline" | grep -q "postgres .*-p $port "; then
            echo "${dir#/proc/}"
            return
        fi
    done
}

# CPU of a PostgreSQL server with all its processes, those that ended included.
database_ticks() {
    { cat /proc/[0-9]*/stat 2>/dev/null || true; } | awk -v server="$postmaster" '
        $2 ~ /^\(postgres/ && (server == "" || $1 == server || $4 == server) {
            sum += $14 + $15
            if (server == "" || $1 == server) sum += $16 + $17
        }
        END {print sum + 0}'
}

# The tenant `bench` in the database that RUSTOK_DATABASE_URL names, with 500 products of 4 variants and 300 articles of
# 4 kB, the same each time. Sets `token` to one of an admin.
fill() {
    "$binary" tenant create bench --name Bench >/dev/null
    token=$("$binary" token create --tenant bench --role admin)
    awk 'BEGIN {
        print "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price"
        for (p = 1; p <= 500; p++) for (v = 1; v <= 4; v++)
            printf "product-%d,%s,%s,Bench,Things,bench,true,Size,%d,SKU-%d-%d,shopify,1000000,deny,%d.50\n", p, v == 1 ? "Product " p : "", v == 1 ? "<p>Text</p>" : "", v, p, v, 10 + v
    }' >products.csv
    "$binary" import shopify products.csv --tenant bench >/dev/null
    awk 'BEGIN {
        print "<?xml version=\"1.0\"?><rss xmlns:wp=\"http://wordpress.org/export/1.2/\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><channel><wp:wxr_version>1.2</wp:wxr_version>"
        for (i = 0; i < 70; i++) text = text "<p>The quick brown fox jumps over the lazy dog again.</p>"
        for (n = 1; n <= 300; n++)
            printf "<item><title>Article %d</title><dc:creator>bench</dc:creator><content:encoded><![CDATA[%s]]></content:encoded><wp:post_id>%d</wp:post_id><wp:post_name>article-%d</wp:post_name><wp:post_date_gmt>2020-01-01 00:00:00</wp:post_date_gmt><wp:status>publish</wp:status><wp:post_type>post</wp:post_type></item>", n, text, n, n
        print "</channel></rss>"
    }' >site.xml
    "$binary" import wordpress site.xml --tenant bench >/dev/null
}

# A script for wrk: orders of the tenant `bench` at the host $1 are placed, confirmed and paid. Counts `paid`.
life_script() {
    local host=$1
    # What an answer calls for is sent next, by whichever connection is free.
    cat >life.lua <<LUA
local threads, calls, n = {}, {}, 0
paid = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local admin = {["Content-Type"] = "application/json", ["Authorization"] = "Bearer $token", ["Host"] = "$host"}
function setup(thread) table.insert(threads, thread) end
function request()
    local call = table.remove(calls, 1)
    if call then return call end
    n = n + 1
    return wrk.format(nil, nil, nil, '{"email":"b' .. n % 1000 .. '@example.com","currency":"USD","lines":[{"sku":"SKU-' .. (n % 500 + 1) .. '-2","quantity":1}]}')
end
function response(status, headers, body)
    local id, state = body:match('"id":"([%x-]+)"'), body:match('"status":"(%a+)"')
    if state == "pending" then
        table.insert(calls, wrk.format("POST", "/api/admin/v1/orders/" .. id .. "/confirm", admin, "{}"))
    elseif state == "confirmed" then
        table.insert(calls, wrk.format("POST", "/api/admin/v1/orders/" .. id .. "/pay", admin, '{"payment_id":"pay_' .. id .. '","method":"card"}'))
    elseif state == "paid" then
        paid = paid + 1
    end
end
function done()
    local sum = 0
    for _, thread in ipairs(threads) do sum = sum + thread:get("paid") end
    print("paid " .. sum)
end
LUA
}
