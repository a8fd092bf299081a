// SPDX-License-Identifier: Apache-2.0
//
// What is under deploy/ fits what the host is: alerts and dashboards name meters that exist,
// Prometheus and Kubernetes understand their files, and the configuration in the manifest loads.
package dev.svr2.host.deploy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import dev.svr2.host.HostFixture;
import dev.svr2.host.config.ConfigLoader;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.metrics.MetricsDocs;
import io.kubernetes.client.openapi.JSON;
import io.kubernetes.client.openapi.models.V1ConfigMap;
import io.kubernetes.client.openapi.models.V1NetworkPolicy;
import io.kubernetes.client.openapi.models.V1PodDisruptionBudget;
import io.kubernetes.client.openapi.models.V1Service;
import io.kubernetes.client.openapi.models.V1StatefulSet;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.yaml.snakeyaml.Yaml;

class DeployTest {
  private static final Path DEPLOY = Path.of(System.getProperty("svr2.root"), "deploy");
  private static final Path PROMTOOL = Path.of("/usr/bin/promtool");
  private static final Pattern METER = Pattern.compile("\\bsvr2_[a-z0-9_]+");

  /** What Prometheus makes of a timer. */
  private static final Pattern SUFFIX = Pattern.compile("_(bucket|count|sum|max)$");

  @TempDir Path folder;

  private static Set<String> meters() {
    Set<String> out = new TreeSet<>();
    Matcher matcher = METER.matcher(MetricsDocs.markdown());
    while (matcher.find()) {
      out.add(matcher.group());
    }
    return out;
  }

  private static void assertMetersExist(String expression) {
    Matcher matcher = METER.matcher(expression);
    while (matcher.find()) {
      String name = matcher.group();
      String base = SUFFIX.matcher(name).replaceFirst("");
      assertTrue(meters().contains(name) || meters().contains(base), name + " in " + expression);
    }
  }

  private static Iterable<Object> yaml(String file) throws IOException {
    return new Yaml().loadAll(Files.readString(DEPLOY.resolve(file)));
  }

  @Test
  @SuppressWarnings("unchecked")
  void alertsNameMetersThatExistAndSayWhatToDo() throws Exception {
    Map<String, Object> all = (Map<String, Object>) yaml("prometheus/alerts.yml").iterator().next();
    int rules = 0;
    for (Map<String, Object> group : (List<Map<String, Object>>) all.get("groups")) {
      for (Map<String, Object> rule : (List<Map<String, Object>>) group.get("rules")) {
        rules++;
        assertMetersExist(String.valueOf(rule.get("expr")));
        Map<String, Object> annotations = (Map<String, Object>) rule.get("annotations");
        assertEquals(Set.of("summary", "action"), annotations.keySet(), rule::toString);
      }
    }
    assertTrue(rules >= 15, rules + " rules");
  }

  @Test
  void prometheusUnderstandsTheAlertsAndTheirTestsPass() throws Exception {
    Assumptions.assumeTrue(Files.isExecutable(PROMTOOL), "no " + PROMTOOL);
    run(PROMTOOL.toString(), "check", "rules", "alerts.yml");
    run(PROMTOOL.toString(), "test", "rules", "alerts_test.yml");
  }

  private void run(String... command) throws Exception {
    Path log = folder.resolve("log");
    Process process =
        new ProcessBuilder(command)
            .directory(DEPLOY.resolve("prometheus").toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    assertEquals(0, process.exitValue(), Files.readString(log));
  }

  @Test
  void dashboardsNameMetersThatExist() throws Exception {
    String text = Files.readString(DEPLOY.resolve("grafana/svr2.json"));
    List<String> expressions = new ArrayList<>();
    collect(JsonParser.parseString(text), expressions);
    assertTrue(expressions.size() >= 12, expressions::toString);
    expressions.forEach(DeployTest::assertMetersExist);
  }

  private static void collect(JsonElement element, List<String> expressions) {
    if (element.isJsonArray()) {
      element.getAsJsonArray().forEach(one -> collect(one, expressions));
    } else if (element.isJsonObject()) {
      element
          .getAsJsonObject()
          .entrySet()
          .forEach(
              entry -> {
                if (entry.getKey().equals("expr")) {
                  expressions.add(entry.getValue().getAsString());
                } else {
                  collect(entry.getValue(), expressions);
                }
              });
    }
  }

  /** Against the schema of Kubernetes' own API, in which unknown fields are errors. */
  @Test
  void kubernetesUnderstandsTheManifests() throws Exception {
    JSON.setGson(JSON.createGson().create()); // Sets the models up.
    List<String> kinds = new ArrayList<>();
    for (Object document : yaml("kubernetes/svr2.yaml")) {
      JsonElement json = new Gson().toJsonTree(document);
      String kind = json.getAsJsonObject().get("kind").getAsString();
      kinds.add(kind);
      switch (kind) {
        case "ConfigMap" -> V1ConfigMap.validateJsonElement(json);
        case "Service" -> V1Service.validateJsonElement(json);
        case "PodDisruptionBudget" -> V1PodDisruptionBudget.validateJsonElement(json);
        case "NetworkPolicy" -> V1NetworkPolicy.validateJsonElement(json);
        case "StatefulSet" -> V1StatefulSet.validateJsonElement(json);
        default -> throw new AssertionError("a kind that this test does not know: " + kind);
      }
    }
    assertEquals(6, kinds.size(), kinds::toString);
  }

  /** The schema check can fail: a field that Kubernetes does not know, deep inside. */
  @Test
  void aFieldThatKubernetesDoesNotKnowIsFound() throws Exception {
    JSON.setGson(JSON.createGson().create());
    for (Object document : yaml("kubernetes/svr2.yaml")) {
      String text = new Gson().toJson(document);
      if (text.contains("\"StatefulSet\"")) {
        JsonElement wrong =
            JsonParser.parseString(text.replace("\"readinessProbe\"", "\"readinesProbe\""));
        assertThrows(
            IllegalArgumentException.class, () -> V1StatefulSet.validateJsonElement(wrong));
        return;
      }
    }
    throw new AssertionError("there is no StatefulSet");
  }

  @Test
  @SuppressWarnings("unchecked")
  void theConfigurationInTheManifestLoads() throws Exception {
    Map<String, Object> map = (Map<String, Object>) yaml("kubernetes/svr2.yaml").iterator().next();
    String text = String.valueOf(((Map<String, Object>) map.get("data")).get("host.yaml"));
    Path secret = folder.resolve("auth-secret");
    Files.writeString(secret, HostFixture.SECRET, StandardCharsets.US_ASCII);
    assertTrue(secret.toFile().setReadable(false, false) && secret.toFile().setReadable(true));
    String here = text.replace("/etc/svr2/auth/auth-secret", secret.toString());
    assertFalse(here.equals(text));
    HostConfig config = ConfigLoader.parse("host.yaml", folder, here, Map.of());
    assertEquals(HostConfig.Directory.Kind.DNS, config.peer().directory().kind());
    assertTrue(config.joinOnStart());
    assertTrue(config.client().tls().isPresent());
  }
}
