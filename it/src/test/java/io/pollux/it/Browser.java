// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;
import org.openqa.selenium.By;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;

/** Debian's Chromium without a window, on the pages of a directory. */
final class Browser implements AutoCloseable {
  private final ChromeDriver driver;
  private final Path site;

  private Browser(ChromeDriver driver, Path site) {
    this.driver = driver;
    this.site = site;
  }

  /**
   * Starts Chromium. Without it the test is skipped, or fails if the machine must have it.
   *
   * @param more options of Chromium
   */
  static Browser start(Path site, String... more) {
    Path chromium = program("chromium");
    Path chromedriver = program("chromedriver");
    if (chromium == null || chromedriver == null) {
      boolean required = "1".equals(System.getenv("POLLUX_REQUIRE_ORACLES"));
      String missing = "chromium and chromedriver are not installed";
      assumeTrue(required, missing);
      throw new AssertionError(missing);
    }
    LoggingPreferences logs = new LoggingPreferences();
    logs.enable(LogType.BROWSER, Level.ALL);
    ChromeOptions options = new ChromeOptions();
    options.setBinary(chromium.toFile());
    options.addArguments(
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage");
    options.addArguments(more);
    options.setCapability("goog:loggingPrefs", logs);
    ChromeDriverService service =
        new ChromeDriverService.Builder()
            .usingDriverExecutable(chromedriver.toFile())
            .usingAnyFreePort()
            .build();
    ChromeDriver driver = new ChromeDriver(service, options);
    driver.manage().timeouts().scriptTimeout(Duration.ofMinutes(2));
    return new Browser(driver, site);
  }

  private static @Nullable Path program(String name) {
    String path = Objects.requireNonNullElse(System.getenv("PATH"), "");
    for (String directory : path.split(File.pathSeparator, -1)) {
      Path file = Path.of(directory, name);
      if (Files.isExecutable(file)) {
        return file;
      }
    }
    return null;
  }

  /** Opens a page, by its path from the root of the site, with an anchor or without. */
  void open(String page) {
    driver.get(site.toUri() + page);
  }

  /** The page that is open, from the root of the site, with its anchor. */
  String page() {
    String url = Objects.requireNonNull(driver.getCurrentUrl());
    return url.replace(site.toUri().toString(), "");
  }

  /** What the console has said since the last call. */
  List<String> messages() {
    List<String> messages = new ArrayList<>();
    for (LogEntry entry : driver.manage().logs().get(LogType.BROWSER)) {
      messages.add(page() + ": " + entry.getMessage());
    }
    return messages;
  }

  /** Sets the size of the page in pixels. A window would not be narrower than 500. */
  void resize(int width, int height) {
    driver.executeCdpCommand(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
  }

  /** Runs a script and returns its result. */
  @Nullable Object run(String script, Object... arguments) {
    return driver.executeScript(script, arguments);
  }

  /** Runs a script that calls its last argument with the result. */
  @Nullable Object await(String script, Object... arguments) {
    return driver.executeAsyncScript(script, arguments);
  }

  /** Shows pages as on paper, or on the screen again. */
  void paper(boolean paper) {
    driver.executeCdpCommand(
        "Emulation.setEmulatedMedia", Map.of("media", paper ? "print" : "screen"));
  }

  /** The element of a CSS selector. */
  WebElement element(String selector) {
    return driver.findElement(By.cssSelector(selector));
  }

  /** The elements of a CSS selector. */
  List<WebElement> elements(String selector) {
    return driver.findElements(By.cssSelector(selector));
  }

  /** The element with the focus. */
  WebElement focused() {
    return driver.switchTo().activeElement();
  }

  @Override
  public void close() {
    driver.quit();
  }
}
