// SPDX-License-Identifier: Apache-2.0
//
// The status page in a real browser, of a real enclave.
package dev.svr2.host.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.Platform;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.CreateGroupCall;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatusPageIT {
  private static final Path IMAGE =
      Path.of(System.getProperty("svr2.root"), "build", "enclave_test.signed.local");
  private static final String STATE = "document.getElementById('state').textContent";

  @TempDir Path folder;

  private static void await(Browser browser, String expression, String expected) {
    Awaitility.await()
        .atMost(30, TimeUnit.SECONDS)
        .until(() -> browser.evaluate(expression).contains(expected));
  }

  @Test
  void itShowsWhatIsAndFollowsIt() throws Exception {
    try (HostFixture fixture =
            HostFixture.start(
                "control.http_listen: 127.0.0.1:0\n",
                output -> Enclave.load(Platform.LOCAL, IMAGE, Set.of(), output));
        Browser browser = Browser.open(folder)) {
      browser.visit("http://" + fixture.host.controlHttpAddress().orElseThrow() + "/");
      await(browser, STATE, "not ready");
      String wrong = browser.evaluate("document.getElementById('wrong').textContent");
      assertTrue(wrong.contains("create-group"), wrong);
      assertEquals("false", browser.evaluate("document.getElementById('unprotected').hidden"));

      // It follows by itself.
      var unused = fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
      await(browser, STATE, "ready: serves clients");
      assertEquals("true", browser.evaluate("document.getElementById('wrong-section').hidden"));
      assertEquals("1", browser.evaluate("document.querySelectorAll('#members tr').length"));
      assertEquals("5", browser.evaluate("document.querySelectorAll('#rates svg').length"));
      await(browser, "document.getElementById('age').textContent", "live");

      // On a phone nothing lies beyond the edge.
      browser.size(360, 740);
      assertEquals(
          "true",
          browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth"),
          browser.evaluate("document.documentElement.scrollWidth"));
      browser.prefer("light");
      String light = browser.evaluate("getComputedStyle(document.body).backgroundColor");
      browser.prefer("dark");
      String dark = browser.evaluate("getComputedStyle(document.body).backgroundColor");
      assertNotEquals(light, dark);

      fixture.host.close();
      await(browser, STATE, "no answer");
    }
  }
}
