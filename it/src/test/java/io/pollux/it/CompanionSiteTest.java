// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;

/** The reading companion, made by {@code bin/pollux companion}, in a browser from file://. */
@Timeout(300)
class CompanionSiteTest {
  private static final long BYTES = 30_000_000;

  private static final Pattern LINK = Pattern.compile("<a [^>]*href=\"?([\\w./-]+\\.html)");

  private static final int[] WIDTHS = {375, 900, 1600};
  private static final int HEIGHT = 1000;
  private static final int PAPER_WIDTH = 718; // CSS pixels of A4 between margins of 10 mm
  private static final int EVERY = 10;
  private static final int BATCH = 100;
  private static final int FRAMES = 4;

  private static final int TURNS = 1500;
  private static final int TURN_MILLIS = 20;

  @TempDir private static Path dir = Path.of("");
  private static @Nullable Browser started;
  private static final List<String> PAGES = new ArrayList<>();
  private static final List<String> SOURCES = new ArrayList<>(); // of one template

  @BeforeAll
  static void make() throws IOException, InterruptedException {
    started = Browser.start(dir);
    CommandLineRun run = CommandLineRun.optimized("companion", "--output", dir.toString());
    assertThat(run.status()).as(run.err()).isZero();
    try (Stream<Path> all = Files.walk(dir)) {
      for (Path page : all.filter(file -> file.toString().endsWith(".html")).sorted().toList()) {
        String path = dir.relativize(page).toString();
        (path.startsWith("src/") ? SOURCES : PAGES).add(path);
      }
    }
  }

  @AfterAll
  static void stop() {
    if (started != null) {
      started.close();
    }
  }

  private static Browser browser() {
    Browser browser = started;
    assertThat(browser).isNotNull();
    return browser;
  }

  /** Waits for a script of the page. The page has no other work to wait for. */
  private static void await(BooleanSupplier condition) throws InterruptedException {
    for (int turn = 0; turn < TURNS && !condition.getAsBoolean(); turn++) {
      Thread.sleep(TURN_MILLIS);
    }
    assertThat(condition.getAsBoolean()).isTrue();
  }

  @Test
  void itIsSmall() throws IOException {
    long bytes = 0;
    try (Stream<Path> all = Files.walk(dir)) {
      for (Path file : all.filter(Files::isRegularFile).toList()) {
        bytes += Files.size(file);
      }
    }
    assertThat(bytes).isLessThan(BYTES);
  }

  @Test
  void everyPageOpensWithoutAMessageAndFitsEveryWidth() {
    assertThat(PAGES).hasSizeGreaterThan(50);
    browser().messages();
    List<String> messages = new ArrayList<>();
    List<String> wide = new ArrayList<>();
    for (String page : PAGES) {
      browser().open(page);
      assertThat(browser().elements("h1, h2")).as(page).isNotEmpty();
      messages.addAll(browser().messages());
      for (int width : WIDTHS) {
        browser().resize(width, HEIGHT);
        Object over = browser().run("return document.documentElement.scrollWidth - innerWidth");
        if (!(over instanceof Long pixels) || pixels > 0) {
          wide.add(page + " is " + over + " pixels too wide at " + width);
        }
      }
    }
    assertThat(messages).isEmpty();
    assertThat(wide).isEmpty();
  }

  /**
   * Opens pages in frames of one page, several at a time, without a call of the driver for each.
   * Each frame has the width of a telephone.
   */
  private static final String OPEN_ALL =
      """
      const [paths, frames, width, done] = arguments;
      const faults = [];
      let next = 0;
      let running = frames;
      const start = () => {
        const frame = document.createElement('iframe');
        frame.style.cssText = `visibility: hidden; position: fixed; left: 0; top: 0; height: 700px; width: ${width}px`;
        document.body.append(frame);
        const open = () => {
          if (next === paths.length) {
            frame.remove();
            if (--running === 0) {
              done(faults);
            }
            return;
          }
          const path = paths[next++];
          frame.onload = () => {
            const page = frame.contentDocument;
            if (!page || !page.querySelector('h1')) {
              faults.push(path + ' has no heading');
            } else if (page.documentElement.scrollWidth > width) {
              faults.push(path + ' is wider than ' + width);
            }
            open();
          };
          frame.src = path;
        };
        open();
      };
      for (let i = 0; i < frames; i++) {
        start();
      }
      """;

  /**
   * Every tenth source page, because one template makes all of them; every source page with {@code
   * -Dpollux.site.all=true}. A page takes a tenth of a second of processor time.
   */
  @Test
  void sourcePagesOpenWithoutAMessageAndFitATelephone() {
    assertThat(SOURCES).hasSizeGreaterThan(500);
    List<String> pages = new ArrayList<>();
    for (int i = 0; i < SOURCES.size(); i += Boolean.getBoolean("pollux.site.all") ? 1 : EVERY) {
      pages.add(SOURCES.get(i));
    }
    try (Browser own = Browser.start(dir, "--allow-file-access-from-files")) {
      own.open("index.html");
      own.messages();
      for (int i = 0; i < pages.size(); i += BATCH) {
        List<String> some = pages.subList(i, Math.min(pages.size(), i + BATCH));
        assertThat(own.await(OPEN_ALL, some, FRAMES, WIDTHS[0])).isEqualTo(List.of());
      }
      assertThat(own.messages()).isEmpty();
    }
  }

  @Test
  void onPaperNothingIsCutOffAndNothingIsToBePressed() {
    List<String> faults = new ArrayList<>();
    browser().paper(true);
    try {
      browser().resize(PAPER_WIDTH, HEIGHT);
      for (String page :
          List.of(
              "index.html",
              "patch/15.html",
              "patch/26.html",
              "life/polled-fixed.html",
              "ring.html",
              "maps/memory-order.html",
              "maps/errnos.html",
              "numbers.html",
              "exercises.html",
              "ledger.html",
              "c.html",
              "src/RingEntry.html")) {
        browser().open(page);
        for (Object each : (List<?>) Objects.requireNonNull(browser().run(ON_PAPER))) {
          faults.add(page + ": " + each);
        }
      }
    } finally {
      browser().paper(false);
    }
    assertThat(faults).isEmpty();
  }

  /** What a printed page must not have: controls, and content outside its box. */
  private static final String ON_PAPER =
      """
      const faults = [];
      const seen = each => each.checkVisibility() && each.getBoundingClientRect().width > 0;
      document.querySelectorAll('button, input, select, nav, footer').forEach(each => {
        if (seen(each)) {
          faults.push('shows ' + each.tagName + ' ' + each.textContent.trim().slice(0, 30));
        }
      });
      document.querySelectorAll('pre, table, svg, .table, figure').forEach(each => {
        const box = each.getBoundingClientRect();
        if (seen(each) && (box.right > innerWidth + 1 || each.scrollWidth > each.clientWidth + 1 && !(each instanceof SVGElement))) {
          faults.push('cuts ' + each.tagName + '.' + each.getAttribute('class') + ' off');
        }
      });
      if (document.documentElement.scrollWidth > innerWidth) {
        faults.push('is wider than the paper');
      }
      return faults;
      """;

  @Test
  void everyLinkOfTheFirstPageLeadsToAnAnchor() {
    browser().open("index.html");
    List<String> links = new ArrayList<>();
    for (WebElement link : browser().elements("main a[href]")) {
      links.add(String.valueOf(link.getDomProperty("href")));
    }
    assertThat(links).hasSizeGreaterThan(15);
    for (String link : links) {
      browser().run("location.href = arguments[0]", link);
      assertThat(browser().elements("main h1, main h2")).as(link).isNotEmpty();
      int hash = link.indexOf('#');
      if (hash >= 0) {
        assertThat(browser().elements(":target")).as(link).hasSize(1);
      }
    }
  }

  /** The pages that a page links to, from the root of the site, without anchors. */
  private static Set<String> linksOf(String page) throws IOException {
    Path file = dir.resolve(page);
    Set<String> links = new LinkedHashSet<>();
    Matcher link = LINK.matcher(Files.readString(file));
    while (link.find()) {
      links.add(dir.relativize(file.resolveSibling(link.group(1)).normalize()).toString());
    }
    return links;
  }

  private static boolean isTest(String page) {
    return page.matches("src/\\w+(Test|Properties)\\.html");
  }

  @Test
  void eachQuestionOfTheFirstPageLeadsToCodeAndToATestInThreeClicks() throws IOException {
    browser().open("index.html");
    List<String> questions = new ArrayList<>();
    for (WebElement link : browser().elements(".questions a")) {
      questions.add(String.valueOf(link.getDomAttribute("href")).replaceFirst("#.*", ""));
    }
    assertThat(questions).hasSizeGreaterThanOrEqualTo(15);
    for (String question : questions) {
      Set<String> reached = new LinkedHashSet<>(linksOf(question)); // by the second click
      for (String page : Set.copyOf(reached)) {
        if (page.startsWith("patch/")) {
          reached.addAll(linksOf(page)); // by the third
        }
      }
      assertThat(reached).as(question).anyMatch(page -> page.startsWith("src/") && !isTest(page));
      assertThat(reached).as(question).anyMatch(CompanionSiteTest::isTest);
    }
  }

  @Test
  void theSearchFindsAFunctionByItsCName() throws InterruptedException {
    browser().resize(1600, HEIGHT);
    browser().open("patch/15.html");
    WebElement search = browser().element("#the-search");
    search.sendKeys("aio_iopoll_reap");
    await(() -> !browser().elements("#the-found a").isEmpty());
    assertThat(browser().element("#the-found a").getText()).contains("aio_iopoll_reap");
    search.sendKeys(Keys.ENTER);
    await(() -> browser().page().equals("src/IopollList.html#reap"));
    assertThat(browser().element(":target").getText()).isEqualTo("reap");
  }

  @Test
  void theKeyboardIsEnough() throws InterruptedException {
    browser().resize(1600, HEIGHT);
    browser().open("patch/15.html");
    browser().focused().sendKeys(Keys.TAB);
    assertThat(browser().focused().getText()).isEqualTo("Skip to the text");
    browser().element("body").sendKeys("/");
    assertThat(browser().focused().getDomAttribute("id")).isEqualTo("the-search");
    browser().focused().sendKeys("iopoll");
    await(() -> !browser().elements("#the-found a").isEmpty());
    browser().focused().sendKeys(Keys.ARROW_DOWN);
    assertThat(browser().elements("#the-found a[aria-selected=true]")).hasSize(1);
    browser().focused().sendKeys(Keys.ESCAPE);
    assertThat(browser().element("#the-found").isDisplayed()).isFalse();
    browser().element("body").sendKeys(Keys.ARROW_RIGHT);
    await(() -> browser().page().equals("patch/16.html"));
  }

  @Test
  void theNameOfADeclarationOpensItsUses() throws InterruptedException {
    browser().resize(1600, HEIGHT);
    browser().open("src/IopollList.html#reap");
    browser().element("#reap").click();
    assertThat(browser().element(".uses:target").getText()).contains("Used by", "IopollList");
    browser().element("body").sendKeys(Keys.ESCAPE);
    await(() -> browser().page().endsWith("#reap"));
    assertThat(browser().elements(".uses:target")).isEmpty();
  }

  private static String shownStep() {
    List<String> shown = new ArrayList<>();
    for (WebElement step : browser().elements(".steps > li")) {
      if (step.isDisplayed()) {
        shown.add(String.valueOf(step.getDomAttribute("id")));
      }
    }
    assertThat(shown).hasSize(1);
    return shown.getFirst();
  }

  @Test
  void aWalkStepsForwardAndBackWithButtonsAndKeys() throws InterruptedException {
    browser().resize(375, 1000);
    browser().open("life/polled-fixed.html");
    assertThat(shownStep()).isEqualTo("step-1");
    browser().element("button[aria-label='Next step']").click();
    assertThat(shownStep()).isEqualTo("step-2");
    assertThat(browser().page()).endsWith("#step-2");
    browser().element("body").sendKeys(Keys.ARROW_RIGHT);
    assertThat(shownStep()).isEqualTo("step-3");
    assertThat(browser().element(".steps").getText()).contains("aio_submit");
    browser().element("button[aria-label='Step back']").click();
    browser().element("body").sendKeys(Keys.ARROW_LEFT);
    assertThat(shownStep()).isEqualTo("step-1");
    assertThat(browser().element("button[aria-label='Step back']").isEnabled()).isFalse();
    browser().element("body").sendKeys(Keys.END);
    assertThat(browser().element("button[aria-label='Next step']").isEnabled()).isFalse();
    browser().element("body").sendKeys(Keys.HOME);
    await(() -> browser().page().endsWith("#step-1"));
  }

  @Test
  void aStepHasAnAddressAndShowsWhatTheKernelHad() throws InterruptedException {
    browser().resize(1600, 1000);
    browser().open("life/polled-fixed.html#step-11");
    assertThat(shownStep()).isEqualTo("step-11");
    assertThat(browser().element(".state").getText()).contains("iopoll list", "data 101");
    assertThat(browser().elements(".state svg[aria-label^='SQ ring: head 2, tail 2']")).hasSize(1);
    browser().element(".strip li:nth-child(3) a").click();
    await(() -> shownStep().equals("step-3"));
    assertThat(browser().elements(".state svg[aria-label^='SQ ring: head 1, tail 2']")).hasSize(1);
  }

  @Test
  void theRingsAndTheSleepRaceFollowTheKernelsRules() {
    browser().open("ring.html");
    assertThat(browser().run("return window.ringSelfTest().join('; ')")).isEqualTo("");
  }

  @Test
  void aProgramMovesTheRings() {
    browser().resize(375, 1000);
    browser().open("ring.html");
    for (String label :
        List.of("Fill an entry", "Store the tail", "Enter: submit", "Device completes one")) {
      press("the-rings", label);
    }
    assertThat(browser().elements("#the-rings svg[aria-label^='SQ ring: head 1, tail 1']"))
        .hasSize(1);
    press("the-rings", "Enter: get events");
    assertThat(browser().elements("#the-rings svg[aria-label^='CQ ring: head 0, tail 1']"))
        .hasSize(1);
    press("the-rings", "Forge tail 9");
    press("the-rings", "Enter: submit");
    assertThat(browser().element("#the-rings .said").getText()).contains("finds no entry");
  }

  @Test
  void theBadOrderLosesTheWakeUp() throws InterruptedException {
    browser().open("ring.html");
    assertThat(browser().element("#the-race .said").getText()).contains("none loses");
    browser().element("#the-race option[value=kernel]").click();
    press("the-race", "Play the bad order");
    await(() -> browser().element("#the-race .verdict").getText().startsWith("Lost"));
  }

  private static void press(String part, String label) {
    browser()
        .run(
            "[...document.querySelectorAll('#' + arguments[0] + ' button')]"
                + ".find(each => each.textContent === arguments[1]).click()",
            part,
            label);
  }

  @Test
  void theThemeIsRemembered() {
    browser().open("index.html");
    Object before = browser().run("return getComputedStyle(document.body).backgroundColor");
    browser().element("#the-theme").click();
    Object after = browser().run("return getComputedStyle(document.body).backgroundColor");
    assertThat(after).isNotEqualTo(before);
    browser().open("ledger.html");
    assertThat(browser().run("return getComputedStyle(document.body).backgroundColor"))
        .isEqualTo(after);
    browser().run("localStorage.clear()");
  }
}
