/** What the tests of every module must not leave behind. */
package io.spillway.leaks;
