// Fills in the claim page as a person would, in Chromium by playwright-core, and checks what they see. Arguments: the URL,
// the hash of the transaction, `with` or `without` scripts, and where to put pictures. Prints what the browser complained of.
const { chromium } = require("playwright-core");

const [url, hash, scripts, shot] = process.argv.slice(2);

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
    const context = await browser.newContext({ javaScriptEnabled: scripts === "with" });
    const page = await context.newPage();
    page.on("console", (it) => complaints.push(it.text()));
    page.on("pageerror", (it) => complaints.push(String(it)));
    page.on("request", (it) => {
      // What a browser asks for by itself is no part of the page.
      if (it.url() !== url && !it.url().endsWith("/favicon.ico")) complaints.push(`asked for ${it.url()}`);
    });
    const answer = await page.goto(url);
    must(answer.status() === 200, "the page is there");
    must((await page.title()) === "Confirm your payment", "it says what it is");
    const style = await page.locator("label").first().evaluate((it) => getComputedStyle(it).display);
    must(style === "block", "its own style is allowed");
    await page.screenshot({ path: `${shot}-form.png`, fullPage: true });

    // By the keyboard alone, through the fields in their order.
    for (const field of ["network", "token", "amount", "tx_hash", "note"]) {
      await page.keyboard.press("Tab");
      must(await page.locator(`#${field}`).evaluate((it) => it === document.activeElement), `${field} is next`);
    }
    await page.selectOption("#network", "ethereum");
    await page.selectOption("#token", "USDC");
    await page.fill("#amount", "twelve");
    await page.fill("#tx_hash", "0x1");
    await page.fill("#note", 'For "tea" & <b>biscuits</b>');
    await page.click("button");
    must((await page.title()).startsWith("Error: "), "its title says that something is wrong");
    const focused = await page.evaluate(() => document.activeElement.getAttribute("role")).catch(() => null);
    if (scripts === "with") must(focused === "alert", `the summary has the focus, not ${focused}`);
    must((await page.locator("[role=alert] li").count()) === 2, "each fault is in the summary");
    for (const field of ["amount", "tx_hash"]) {
      const it = page.locator(`#${field}`);
      must((await it.getAttribute("aria-invalid")) === "true", `${field} is marked`);
      const about = (await it.getAttribute("aria-describedby")).split(" ");
      must(await page.locator(`#${about[0]}`).isVisible(), `what is wrong with ${field} is beside it`);
    }
    must((await page.inputValue("#note")) === 'For "tea" & <b>biscuits</b>', "what was right is kept");
    must((await page.inputValue("#network")) === "ethereum", "what was chosen is kept");
    await page.screenshot({ path: `${shot}-faults.png`, fullPage: true });
    await page.click("[role=alert] a[href='#amount']");
    await page.fill("#amount", "12.50");
    await page.fill("#tx_hash", ` ${hash} `);
    await page.click("button");
    must((await page.locator("h1").innerText()) === "Thank you", "it is received");
    await page.screenshot({ path: `${shot}-received.png`, fullPage: true });
    const received = await page.locator("dl").innerText();
    await page.reload();
    must((await page.locator("dl").innerText()) === received, "loaded again, it is the same claim");

    await page.goto(url);
    must((await page.locator("h1").innerText()) === "This link has been used.", "it was used");
    await page.goto(url.replace(/[^/]*$/, "A".repeat(32)));
    must((await page.locator("h1").innerText()) === "This link leads nowhere.", "another leads nowhere");
  } finally {
    await browser.close();
  }
  const refusals = /the server responded with a status of (404|410|422)|asked for .*\/A{32}$/;
  console.log(JSON.stringify({ complaints: complaints.filter((it) => !refusals.test(it)) }));
}

run().catch((error) => {
  console.error(error);
  process.exit(1);
});
