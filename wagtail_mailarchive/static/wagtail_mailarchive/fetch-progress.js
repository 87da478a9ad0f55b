/**
 * Keeps the numbers of fetches under way up to date.
 *
 * Asks every second at first and more rarely later, never while nobody looks. Who listens hears
 * the beginning, each tenth of the way, and the end.
 */
(() => {
  const SECOND = 1000;
  const MINUTE = 60 * SECOND;

  class FetchProgress extends window.StimulusModule.Controller {
    static targets = ["announcement", "worker", "lost", "run", "reload"];

    static values = { url: String };

    connect() {
      this.since = Date.now();
      this.tenth = null;
      this.failures = 0;
      this.timer = null;
      this.asking = null;
      this.look = () => (document.hidden ? this.pause() : this.ask());
      document.addEventListener("visibilitychange", this.look);
      this.look();
    }

    disconnect() {
      document.removeEventListener("visibilitychange", this.look);
      this.pause();
    }

    pause() {
      clearTimeout(this.timer);
      this.asking?.abort();
      this.asking = null;
    }

    async ask() {
      this.pause();
      const asking = new AbortController();
      this.asking = asking;
      let told = null;
      let refused = false;
      try {
        const response = await fetch(this.urlValue, {
          headers: { "X-Requested-With": "XMLHttpRequest" },
          signal: asking.signal,
        });
        // Signed out, or not allowed any more: asking again helps nobody.
        refused = response.redirected || (response.status >= 400 && response.status < 500);
        if (response.ok && !refused) told = await response.json();
      } catch (error) {
        if (asking.signal.aborted) return;
        // The network failed; it is asked again like after any other failure.
        told = null;
      }
      if (asking.signal.aborted) return;
      this.failures = told ? 0 : this.failures + 1;
      this.lostTarget.hidden = Boolean(told);
      if (told) this.show(told);
      if (refused || (told && !told.is_active)) {
        this.end();
      } else {
        this.timer = setTimeout(this.look, this.pace());
      }
    }

    pace() {
      if (this.failures) return Math.min(SECOND * 2 ** this.failures, MINUTE);
      const age = Date.now() - this.since;
      if (age < MINUTE) return SECOND;
      return age < 10 * MINUTE ? 3 * SECOND : 10 * SECOND;
    }

    end() {
      document.removeEventListener("visibilitychange", this.look);
      this.reloadTarget.hidden = false;
    }

    show(told) {
      this.workerTarget.hidden = !told.lacks_worker;
      const runs = new Map(told.runs.map((run) => [String(run.run), run]));
      this.runTargets.forEach((element) => {
        const run = runs.get(element.dataset.run);
        if (run) this.showRun(element, run);
      });
      this.announce(told);
    }

    showRun(element, run) {
      element.querySelectorAll("[data-part]").forEach((part) => {
        const value = run[part.dataset.part];
        if (typeof value === "number") {
          part.textContent = value.toLocaleString(document.documentElement.lang || undefined);
        } else if (typeof value === "string") {
          part.textContent = value;
        } else {
          part.hidden = !run.is_active || run.is_stopping || run.is_stoppable === false;
        }
      });
      const bar = element.querySelector("progress");
      bar.hidden = !run.is_active;
      if (run.whole) {
        bar.max = run.whole;
        bar.value = run.done;
      } else {
        bar.removeAttribute("value");
      }
    }

    announce(told) {
      const tenth = told.is_active ? Math.floor((told.percent ?? 0) / 10) : "end";
      if (tenth === this.tenth) return;
      this.tenth = tenth;
      this.announcementTarget.textContent = told.announcement;
    }
  }

  window.wagtail.app.register("mailarchive-fetch", FetchProgress);
})();
