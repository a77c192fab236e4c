/* guidestream on a landing page:

     <script src="https://api.example.com/snippet.js" data-consent="required" async></script>

   Sends one page_view with the time for which the page was seen, when it is first put away, and what the page tells:

     guidestream.lead({phone: "...", form: "spring"})  a form was sent; numbers and names are hashed before they are kept
     guidestream.share()                               the page was passed on
     guidestream.consent(true)                         the visitor agreed; false: refused, or took it back

   Only visitors who came by a short link are of interest: without a click token (`ct` in the address) nothing is sent.
   With data-consent="required" nothing is sent before consent(true) either; what happened until then goes with it. The
   token is kept for the other pages of this tab after consent(true) alone, else it stays in memory. Do Not Track and
   Global Privacy Control switch everything off.

   ES5 and nothing newer: web-views live for years. The file is served without comments and spaces (snippet.py), so there
   are no one-line comments in it, and each statement ends in a semicolon. */
(function (win, doc, nav) {
  var tag = doc.currentScript || doc.querySelector('script[src*="/snippet.js"]');
  var off = nav.doNotTrack == 1 || win.doNotTrack == 1 || nav.globalPrivacyControl;
  var allowed = tag.getAttribute("data-consent") != "required";
  var found = /[?&]ct=([\w-]{30})(&|$)/.exec(location.search);
  var token = found && found[1];
  var waiting = [];
  var seen = 0;
  var since = 0;
  var told;

  function random() {
    var text = "";
    var bytes = new Uint8Array(16);
    if (win.crypto) win.crypto.getRandomValues(bytes);
    for (var i = 0; i < 16; i++) text += (256 + (bytes[i] ^ (256 * Math.random()))).toString(16).slice(1);
    return text;
  }

  function post(events) {
    var url = tag.src.replace(/snippet\.js.*/, "v1/collect");
    var body;
    var request;
    events.forEach(function (event) {
      event.token = token;
    });
    body = JSON.stringify(events);
    /* Both as text, for which no browser asks the server beforehand. */
    if (token && events[0] && !(nav.sendBeacon && nav.sendBeacon(url, body))) {
      request = new XMLHttpRequest();
      request.open("POST", url);
      request.setRequestHeader("Content-Type", "text/plain");
      request.send(body);
    }
  }

  function add(type, properties) {
    var event = { event_id: random(), type: type, occurred_at: Date.now(), properties: properties || {} };
    if (off) return;
    if (allowed) post([event]);
    else if (waiting && waiting.length < 20) waiting.push(event);
  }

  function leave() {
    if (since) seen += Math.max(0, Date.now() - since);
    since = 0;
    if (seen && !told) {
      told = true;
      add("page_view", { dwell_ms: seen, page: location.pathname.slice(0, 200) });
    }
  }

  function look() {
    if (doc.visibilityState == "hidden") leave();
    else since = since || Date.now();
  }

  function keep(store) {
    if (!allowed) store.removeItem("gs_ct");
    else if (token) store.gs_ct = token;
    else token = store.gs_ct;
  }

  win.guidestream = {
    lead: function (properties) {
      add("lead", properties);
    },
    share: function () {
      add("shared");
    },
    consent: function (given) {
      if (off) return;
      allowed = given;
      try {
        keep(win.sessionStorage);
      } catch (error) {
        /* Private windows have none. */
      }
      if (given && waiting) post(waiting);
      waiting = given && [];
    }
  };
  doc.addEventListener("visibilitychange", look);
  win.addEventListener("pagehide", leave);
  look();
})(window, document, navigator);
