// SPDX-License-Identifier: Apache-2.0
//
// Rules that the compiler does not check: who may use whom, and where output goes.
package dev.svr2.host;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import dev.svr2.enclave.Enclave;
import dev.svr2.host.auth.AuthSecrets;
import org.slf4j.Logger;

@AnalyzeClasses(packages = "dev.svr2.host", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest
  static final ArchRule FEATURES_DO_NOT_FORM_CYCLES =
      slices().matching("dev.svr2.host.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule NOBODY_BUT_THE_COMMAND_LINE_USES_THE_COMMAND_LINE =
      noClasses()
          .that()
          .resideOutsideOfPackage("..cli..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("..cli..", "picocli..");

  @ArchTest
  static final ArchRule ONLY_THE_RUNTIME_TOUCHES_THE_ENCLAVE =
      noClasses()
          .that()
          .resideOutsideOfPackage("..host.enclave..")
          .and()
          .doNotHaveFullyQualifiedName("dev.svr2.host.Host")
          .should()
          .dependOnClassesThat()
          .belongToAnyOf(Enclave.class);

  @ArchTest
  static final ArchRule ONLY_LOGS_KNOWS_LOGBACK =
      noClasses()
          .that()
          .resideOutsideOfPackage("..host.log..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("ch.qos.logback..");

  @ArchTest
  static final ArchRule NO_STANDARD_STREAMS_BUT_THROUGH_THE_COMMAND_LINE =
      NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.because(
          "standard output belongs to what was asked for");

  @ArchTest static final ArchRule NO_JAVA_UTIL_LOGGING = NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING;

  @ArchTest
  static final ArchRule WHO_HANDLES_SECRETS_HAS_NO_LOGGER =
      noClasses()
          .that()
          .resideInAnyPackage("..host.auth..", "..cli.client..")
          .should()
          .dependOnClassesThat()
          .belongToAnyOf(Logger.class);

  @ArchTest
  static final ArchRule WHAT_HOLDS_SECRETS_SHOWS_NOTHING =
      classes()
          .that()
          .belongToAnyOf(AuthSecrets.class)
          .should(
              new com.tngtech.archunit.lang.ArchCondition<>("define toString itself") {
                @Override
                public void check(
                    com.tngtech.archunit.core.domain.JavaClass type,
                    com.tngtech.archunit.lang.ConditionEvents events) {
                  if (type.tryGetMethod("toString").isEmpty()) {
                    events.add(
                        com.tngtech.archunit.lang.SimpleConditionEvent.violated(
                            type, type.getName() + " does not"));
                  }
                }
              });
}
