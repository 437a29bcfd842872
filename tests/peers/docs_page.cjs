// Reads the documentation page and tries calls with it, in Chromium by playwright-core, and checks what is seen. Arguments: the
// URL, an API key, and where to put pictures. Prints what the browser complained of.
const { chromium } = require("playwright-core");

const [url, key, shot] = process.argv.slice(2);
const origin = new URL(url).origin;

function must(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}

async function run() {
  const browser = await chromium.launch({
    executablePath: process.env.PURSER_TEST_CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu"],
  });
  const complaints = [];
  try {
    const page = await (await browser.newContext()).newPage();
    page.on("console", (it) => complaints.push(it.text()));
    page.on("pageerror", (it) => complaints.push(String(it)));
    page.on("request", (it) => {
      if (!it.url().startsWith(`${origin}/`)) complaints.push(`asked for ${it.url()}`);
    });
    await page.goto(url);
    await page.waitForSelector("section");
    must((await page.locator("section").count()) === 7, "each service has its section");
    must((await page.locator("[data-text]").count()) > 80, "each operation is there");
    await page.screenshot({ path: `${shot}-all.png` });

    await page.fill("#key", key);
    await page.fill("#search", "createcustomer");
    const create = page.locator("[data-text]:visible");
    must((await create.count()) === 1, "one is found");
    await create.locator("summary").first().click();
    await page.fill("#CreateCustomer-body", '{"paymentAddress": "eve@dev", "firstName": "Eve"}');
    await create.locator("button").click();
    const output = create.locator("pre");
    await page.waitForFunction(() => document.querySelector("pre")?.textContent.includes("CUSTOMER_STATUS_ENABLED"));
    must((await output.textContent()).includes("\n200\n"), "it answered");
    await page.screenshot({ path: `${shot}-create.png`, fullPage: true });

    await page.fill("#search", "customers:resolve");
    const resolve = page.locator("[data-text]:visible").first();
    await resolve.locator("summary").first().click();
    await page.fill("#ResolveCustomer-query-paymentAddress", "eve@dev");
    await resolve.locator("button").click();
    const told = resolve.locator("pre");
    for (let tries = 0; tries < 100 && !(await told.textContent()).includes("canReceive"); tries++) await page.waitForTimeout(50);
    must((await told.textContent()).includes('"firstName": "Eve"'), "whom it means is told");

    await page.reload();
    await page.waitForSelector("section");
    must((await page.inputValue("#key")) === "", "the key is forgotten");
    const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie].join());
    must(kept === "0,0,", "nothing is kept");
    console.log(JSON.stringify({ complaints }));
  } finally {
    await browser.close();
  }
}

run().catch((error) => {
  console.error(error);
  process.exit(1);
});
