/*
 * The form of a mail account: fills what follows from the address, the provider and the protocol
 * until it is changed by hand, tests the connection without leaving the page, and offers the
 * server's mailboxes. Without this script the server does the same when the form is sent.
 */
(() => {
    const CONNECTION = ['connection', 'host', 'port', 'username', 'sign_in', 'secret', 'tls_minimum', 'ca_certificate'];
    const POLL_AFTER = 1000; // ms

    class AccountController extends window.StimulusModule.Controller {
        static targets = ['test', 'signIn', 'result', 'mailboxes', 'listed', 'targets', 'gmail'];

        connect() {
            this.form = this.element.closest('form');
            this.known = JSON.parse(document.getElementById('mailarchive-account-data').textContent);
            // Enter in a field saves, as in every other form.
            this.testTarget.type = 'button';
            this.followed = this.readFollowed();
            this.afterwards = this.known.afterwards;
            this.isGmail = !this.gmailTarget.hidden;
            this.onInput = (event) => this.changed(event.target);
            this.onTest = () => this.test();
            this.element.addEventListener('input', this.onInput);
            this.element.addEventListener('change', this.onInput);
            this.testTarget.addEventListener('click', this.onTest);
            this.update();
            const pending = this.resultTarget.querySelector('[data-poll]');
            if (pending) this.poll(pending.dataset.poll);
        }

        disconnect() {
            this.element.removeEventListener('input', this.onInput);
            this.element.removeEventListener('change', this.onInput);
            this.testTarget.removeEventListener('click', this.onTest);
            window.clearTimeout(this.timer);
        }

        // -- fields ------------------------------------------------------------------------

        field(name) {
            return this.form.elements.namedItem(name);
        }

        value(name) {
            const field = this.field(name);
            return field ? field.value : '';
        }

        // A value that is what it would have been filled with goes on following.
        readFollowed() {
            const preset = this.preset();
            const connection = this.value('connection');
            const follows = {
                host: this.hostOf(preset),
                port: String(this.known.ports[connection]),
                username: this.value('email'),
            };
            const followed = new Set();
            Object.entries(follows).forEach(([name, value]) => {
                const present = this.value(name);
                if (present === '' || present === value) followed.add(name);
            });
            const isNew = this.value('email') === '';
            if (isNew || this.value('preset') === '') followed.add('preset');
            if (isNew) ['connection', 'sign_in'].forEach((name) => followed.add(name));
            return followed;
        }

        follow(name, value) {
            if (!this.followed.has(name) || this.value(name) === value) return false;
            this.field(name).value = value;
            return true;
        }

        preset() {
            const slug = this.value('preset') || this.presetOfAddress();
            return this.known.presets.find((each) => each.slug === slug);
        }

        presetOfAddress() {
            const domain = this.value('email').split('@').pop().trim().toLowerCase().replace(/\.$/, '');
            const matches = (pattern) =>
                pattern.endsWith('.') ? domain.startsWith(pattern) : domain === pattern;
            const found = this.known.presets.find((each) => each.domains.some(matches));
            return found ? found.slug : 'other';
        }

        protocol() {
            return this.known.protocols[this.value('connection')];
        }

        hostOf(preset) {
            return (preset && preset.hosts[this.protocol()]) || '';
        }

        changed(field) {
            const name = field.name;
            if (field.type !== 'hidden') this.followed.delete(name);
            if (name === 'email') {
                this.follow('username', field.value);
                if (field.value.includes('@')) {
                    this.follow('preset', this.presetOfAddress());
                    this.takePreset();
                }
            }
            if (name === 'preset') this.takePreset();
            if (name === 'connection') {
                this.follow('host', this.hostOf(this.preset()));
                this.follow('port', String(this.known.ports[field.value]));
            }
            if (CONNECTION.includes(name) || name === 'email' || name === 'preset') this.forgetTest();
            this.update();
        }

        takePreset() {
            const preset = this.preset();
            this.showAdvice(preset);
            if (!preset || preset.slug === 'other') {
                // What another provider filled is not this one's.
                const known = this.known.presets.flatMap((each) => Object.values(each.hosts));
                if (known.includes(this.value('host'))) this.follow('host', '');
                return;
            }
            if (!(this.protocol() in preset.hosts)) this.follow('connection', 'imaps');
            this.follow('host', this.hostOf(preset));
            this.follow('port', String(this.known.ports[this.value('connection')]));
            const signIn = this.known.signIn[preset.slug];
            if (signIn) this.follow('sign_in', signIn);
        }

        // The provider's advice takes the place of the field's help.
        showAdvice(preset) {
            const id = this.field('preset').getAttribute('aria-describedby').split(' ')[0];
            const help = document.getElementById(id).querySelector('.help');
            help.setAttribute('role', 'status');
            if (preset && help.textContent !== preset.advice) help.textContent = preset.advice;
        }

        // What the protocol, the login and the choices leave to be filled in.
        update() {
            const limited = this.protocol() === this.known.pop3;
            if (limited) {
                this.check('mailbox_choice', this.known.named);
                this.check('selection', this.known.everything);
            }
            this.element.querySelectorAll('[data-limited]').forEach((input) => {
                if (input.name !== 'sign_in') input.disabled = limited;
            });
            this.element.querySelectorAll('[data-mailarchive-account-reason]').forEach((note) => {
                if (note.id !== 'id_sign_in-reason') note.hidden = !limited;
            });
            const named = this.value('mailbox_choice') === this.known.named;
            this.mailboxesTarget.querySelectorAll('input, textarea').forEach((input) => {
                input.disabled = limited || !named;
            });
            this.field('since').disabled = this.value('selection') !== this.known.since;
            const password = this.value('sign_in') === 'password';
            this.field('secret').disabled = !password;
            this.signInTargets.forEach((each) => {
                each.hidden = password;
            });
            this.limitAfterFetch();
        }

        // What the protocol, the server and the site leave to be done with archived mail.
        limitAfterFetch() {
            const radios = [...this.element.querySelectorAll('input[name="after_fetch"]')];
            const protocol = this.protocol();
            const reasons = this.afterwards[protocol];
            // What is saved stays a choice, unless the protocol has nothing like it.
            const saved = this.known.afterFetchKept;
            const kept = protocol === this.known.pop3 && saved !== this.known.delete ? '' : saved;
            radios.forEach((radio) => {
                const reason = reasons[radio.value] || '';
                const note = document.getElementById(`${radio.id}-reason`);
                note.textContent = reason;
                note.hidden = !reason;
                radio.disabled = Boolean(reason) && radio.value !== kept;
            });
            if (radios.some((radio) => radio.checked && radio.disabled)) {
                this.check('after_fetch', this.known.leave);
            }
            const chosen = this.value('after_fetch');
            this.field('after_fetch_days').disabled = chosen === this.known.leave;
            this.field('move_to').disabled = chosen !== this.known.move;
            this.gmailTarget.hidden = !this.isGmail && !this.known.gmailHosts.includes(this.value('host'));
        }

        check(name, value) {
            this.element.querySelectorAll(`input[name="${name}"]`).forEach((radio) => {
                radio.checked = radio.value === value;
            });
        }

        // -- the test ----------------------------------------------------------------------

        forgetTest() {
            window.clearTimeout(this.timer);
            this.asked = null;
            this.field('tested').value = '';
            if (this.told) this.say(this.resultTarget.dataset.changed);
            this.told = false;
            // What another server can do says nothing about this one.
            this.afterwards = this.known.afterwardsUntested;
            this.isGmail = false;
        }

        say(text) {
            const line = document.createElement('p');
            line.textContent = text;
            this.resultTarget.replaceChildren(line);
        }

        async test() {
            if (this.testTarget.getAttribute('aria-busy')) return;
            this.forgetTest();
            // Not disabled: that would take the focus away.
            this.testTarget.setAttribute('aria-busy', 'true');
            this.say(this.resultTarget.dataset.busy);
            const sent = new FormData(this.form);
            sent.set('action-test', '1');
            await this.ask(this.form.action, { method: 'POST', body: sent });
            this.testTarget.removeAttribute('aria-busy');
        }

        poll(address) {
            this.timer = window.setTimeout(() => {
                if (document.hidden) this.poll(address);
                else this.ask(address);
            }, POLL_AFTER);
        }

        async ask(address, options = {}) {
            // An answer that comes after the values were changed is for others.
            const asked = {};
            this.asked = asked;
            try {
                const response = await fetch(address, { ...options, headers: { Accept: 'application/json' } });
                if (!response.ok) throw new Error(response.statusText);
                // Wagtail leads whoever is not signed in to the form for that.
                const answer = response.redirected ? null : await response.json();
                if (this.asked !== asked) return;
                if (answer) this.show(answer);
                else this.say(this.resultTarget.dataset.signedOut);
            } catch {
                if (this.asked === asked) this.say(this.resultTarget.dataset.unreachable);
            }
        }

        show(answer) {
            this.resultTarget.innerHTML = answer.html;
            this.told = true;
            this.field('tested').value = answer.tested;
            this.afterwards = answer.afterwards;
            this.isGmail = answer.isGmail;
            if (answer.mailboxes.length) this.offerMailboxes(answer.mailboxes);
            if (answer.poll) this.poll(answer.poll);
            this.update();
        }

        offerMailboxes(listed) {
            const area = this.mailboxesTarget.querySelector('textarea');
            const typed = area.value.split('\n').map((line) => line.trim());
            const picked = [...this.listedTarget.querySelectorAll('input:checked')].map((box) => box.value);
            const chosen = new Set([...typed, ...picked]);
            this.listedTarget.querySelectorAll('label').forEach((label) => label.remove());
            const names = listed.map((mailbox) => mailbox.name);
            listed.forEach(({ name, use }) => {
                const label = document.createElement('label');
                const box = document.createElement('input');
                Object.assign(box, { type: 'checkbox', value: name, checked: chosen.has(name) });
                box.name = this.mailboxesTarget.dataset.name;
                const text = document.createElement('span');
                text.textContent = name;
                label.append(box, ' ', text);
                if (use) {
                    const meta = document.createElement('span');
                    meta.className = 'mailarchive-meta';
                    meta.textContent = `(${use})`;
                    label.append(' ', meta);
                }
                this.listedTarget.append(label);
            });
            this.targetsTarget.replaceChildren(...listed.map(({ name, use }) => new Option(use, name)));
            area.value = [...chosen].filter((name) => name && !names.includes(name)).join('\n');
            this.listedTarget.hidden = false;
        }
    }

    /* Shows how far a dry run is until it has ended. */
    class TrialController extends window.StimulusModule.Controller {
        static values = { poll: String, signedOut: String };

        connect() {
            if (this.pollValue) this.timer = window.setTimeout(() => this.ask(), POLL_AFTER);
        }

        disconnect() {
            window.clearTimeout(this.timer);
        }

        async ask() {
            let poll = this.pollValue;
            if (!document.hidden) {
                try {
                    const response = await fetch(poll, { headers: { Accept: 'application/json' } });
                    if (!response.ok) return;
                    if (response.redirected) {
                        this.element.textContent = this.signedOutValue;
                        return;
                    }
                    const answer = await response.json();
                    poll = answer.poll;
                    // While it goes on there is nothing new to be read out.
                    if (!poll) this.element.innerHTML = answer.html;
                } catch (error) {
                    if (!(error instanceof TypeError)) throw error; // the network's; tried again
                }
            }
            if (poll) this.timer = window.setTimeout(() => this.ask(), POLL_AFTER);
        }
    }

    window.wagtail.app.register('mailarchive-account', AccountController);
    window.wagtail.app.register('mailarchive-trial', TrialController);
})();
